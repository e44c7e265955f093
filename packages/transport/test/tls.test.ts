import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { connect, type ConnectionOptions, type TLSSocket, type TlsOptions } from "node:tls";
import { certificate, clientCertificate, clientPrivateKey, privateKey, until } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { type Accepted, cleanUp, type ListenersFixture, openListeners, webSocketOptions } from "./listeners-fixture.ts";

const server = { cert: certificate, key: privateKey };
/** Asks for a certificate, and lives without. */
const asking: TlsOptions = { ...server, ca: certificate, requestCert: true, rejectUnauthorized: false };
const trusted: ConnectionOptions = { cert: clientCertificate, key: clientPrivateKey };

async function openTls(fixture: ListenersFixture, port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ port, host: "127.0.0.1", ca: certificate, servername: "localhost", ...options });
  cleanUp(() => {
    socket.destroy();
  });
  const before = fixture.accepted.length;
  await once(socket, "secureConnect");
  await until(() => fixture.accepted.length > before);
  return socket;
}

describe("TLS", () => {
  it.each([
    ["of a client that was not asked", server, trusted, null],
    ["of a client without a certificate", asking, {}, null],
    ["of a verified client", asking, trusted, "device-1"],
    // Signed by itself, which is not the authority here.
    ["of a stranger", { ...asking, ca: clientCertificate }, { cert: certificate, key: privateKey }, null],
  ])("tells the name %s", async (_name, tls, options, peerName) => {
    const fixture = openListeners();
    const [address] = await fixture.listeners.listen({ host: "127.0.0.1", port: 0, tls });
    const socket = await openTls(fixture, address?.port ?? 0, options);
    const { transport, chunks } = await fixture.first();
    expect(transport).toMatchObject({ kind: "TCP", peerName, remoteAddress: "127.0.0.1" });
    socket.write("ping");
    await until(() => Buffer.concat(chunks).toString() === "ping");
    transport.write(Buffer.from("pong"), null, () => undefined);
    expect(String((await once(socket, "data"))[0])).toBe("pong");
  });

  it.each([
    ["a verified client", trusted, "device-1"],
    ["a client without a certificate", {}, null],
  ])("tells the name of %s again when it resumes its session", async (_name, options, peerName) => {
    const fixture = openListeners();
    const [address] = await fixture.listeners.listen({ host: "127.0.0.1", port: 0, tls: asking });
    const port = address?.port ?? 0;
    const socket = await openTls(fixture, port, options);
    const session = once(socket, "session");
    socket.on("data", () => undefined);
    fixture.accepted[0]?.transport.write(Buffer.from("x"), null, () => undefined);
    const again = await openTls(fixture, port, { ...options, session: (await session)[0] as Buffer });
    expect(again.isSessionReused()).toBe(true);
    expect(fixture.accepted.map(({ transport }: Accepted) => transport.peerName)).toEqual([peerName, peerName]);
  });

  it("tells the name behind a WebSocket too", async () => {
    const fixture = openListeners();
    const [address] = await fixture.listeners.listenWebSocket({ ...webSocketOptions, tls: asking });
    const url = `wss://localhost:${address?.port}/ws`;
    const webSocket = new WebSocket(url, { ca: certificate, host: "127.0.0.1", ...trusted });
    cleanUp(() => webSocket.terminate());
    await once(webSocket, "open");
    const { transport } = await fixture.first();
    expect(transport).toMatchObject({ kind: "WebSocket", peerName: "device-1" });
  });

  it("that fails is logged, and nobody is accepted", async () => {
    const fixture = openListeners();
    const [address] = await fixture.listeners.listen({ host: "127.0.0.1", port: 0, tls: server });
    const socket = connectTcp({ host: "127.0.0.1", port: address?.port ?? 0 });
    socket.on("error", () => undefined);
    socket.write("GET / HTTP/1.1\r\n\r\n");
    await once(socket, "connect");
    const peer = `127.0.0.1:${socket.localPort}`;
    await once(socket, "close");
    expect(fixture.log.join()).toContain(`TLS handshake failed {"peer":"${peer}"`);
    expect(fixture.accepted).toEqual([]);
  });
});
