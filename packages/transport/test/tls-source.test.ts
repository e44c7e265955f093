import { connect, type TLSSocket } from "node:tls";
import { certificate, clientCertificate, clientPrivateKey, privateKey } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { TlsSource } from "../src/index.ts";
import { cleanUp, openListeners, webSocketOptions } from "./listeners-fixture.ts";

const before = { cert: certificate, key: privateKey };
const after = { cert: clientCertificate, key: clientPrivateKey };

/** The name in the certificate that the listener shows. */
async function shownName(port: number): Promise<string> {
  const socket: TLSSocket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
  cleanUp(() => void socket.destroy());
  socket.on("error", () => undefined);
  await new Promise<void>((resolve) => socket.once("secureConnect", resolve));
  return String(socket.getPeerCertificate().subject.CN);
}

describe("what listeners with TLS show", () => {
  it("changes while they listen, and connections stay", async () => {
    const { listeners, accepted, first } = openListeners();
    const tls = new TlsSource(before);
    const [plain] = await listeners.listen({ host: "127.0.0.1", port: 0, tls });
    const [web] = await listeners.listenWebSocket({ ...webSocketOptions, tls });
    const ports = [plain?.port ?? 0, web?.port ?? 0];
    for (const port of ports) expect(await shownName(port)).toBe("localhost");
    const { transport } = await first();
    tls.replace(after);
    for (const port of ports) expect(await shownName(port)).toBe("device-1");
    await new Promise<void>((done) => transport.write(Buffer.from("still here"), null, done));
    expect(accepted[0]?.closed).toBe(false);
  });

  it("stays where the new one is no good", async () => {
    const { listeners } = openListeners();
    const tls = new TlsSource(before);
    const [address] = await listeners.listen({ host: "127.0.0.1", port: 0, tls });
    expect(() => tls.replace({ cert: "no certificate", key: privateKey })).toThrow();
    expect(await shownName(address?.port ?? 0)).toBe("localhost");
    expect(tls.options).toBe(before);
  });

  it("is forgotten by listeners that are closed", async () => {
    const { listeners } = openListeners();
    const tls = new TlsSource(before);
    await listeners.listen({ host: "127.0.0.1", port: 0, tls });
    await listeners.close();
    tls.replace(after);
    expect(tls.options).toBe(after);
  });
});
