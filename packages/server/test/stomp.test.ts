import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { certificate } from "@jackalope/testkit";
import { describe, expect, test } from "vitest";
import { atEnd, certificateFiles, openBroker } from "./broker-fixture.ts";

/** What the server says first to an anonymous client. */
function firstWords(port: number | null, tls = false): Promise<string> {
  return new Promise((resolve, reject) => {
    const address = { port: port ?? 0, host: "127.0.0.1" };
    const socket = tls ? connectTls({ ...address, ca: certificate, servername: "localhost" }) : connect(address);
    atEnd(() => void socket.destroy());
    socket.on("error", reject);
    socket.once("data", (bytes: Buffer) => resolve(bytes.toString()));
    socket.write("CONNECT\naccept-version:1.2\n\n\0");
  });
}

describe("STOMP", () => {
  test("is spoken over TCP and WebSocket, and without a certificate not over TLS", async () => {
    const { ports } = await openBroker({ stompPort: 0, stompTlsPort: 0, stompWsPort: 0, stompWssPort: 0 });
    expect(ports).toMatchObject({ stompTls: null, stompWss: null });
    expect(await firstWords(ports.stomp)).toMatch(/^CONNECTED\nversion:1\.2\n.*server:Jackalope\//s);
    expect((await fetch(`http://127.0.0.1:${ports.stompWs}/ws`)).status).toBe(426);
  });

  test("is spoken over TLS where there is a certificate", async () => {
    const { ports } = await openBroker({ ...certificateFiles(), stompTlsPort: 0, stompWssPort: 0 });
    expect(ports).toMatchObject({ stomp: null, stompWs: null, stompWss: expect.any(Number) });
    expect(await firstWords(ports.stompTls, true)).toMatch(/^CONNECTED\n/);
  });

  test("refuses anonymous clients where that is switched off", async () => {
    const { ports } = await openBroker({ stompPort: 0, stompAnonymousUser: "off" });
    expect(await firstWords(ports.stomp)).toContain("Missing login or passcode header(s)");
  });
});
