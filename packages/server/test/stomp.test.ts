import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { certificate, privateKey } from "@jackalope/testkit";
import { afterEach, describe, expect, test } from "vitest";
import { createBroker, type CreateBrokerOptions, type EmbeddedBroker } from "../src/index.ts";

const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
});

async function open(options: CreateBrokerOptions): Promise<EmbeddedBroker> {
  const broker = await createBroker(options);
  closers.push(() => broker.close());
  return broker;
}

/** What the server says first to an anonymous client. */
function firstWords(port: number | null, tls = false): Promise<string> {
  return new Promise((resolve, reject) => {
    const address = { port: port ?? 0, host: "127.0.0.1" };
    const socket = tls ? connectTls({ ...address, ca: certificate, servername: "localhost" }) : connect(address);
    closers.push(() => void socket.destroy());
    socket.on("error", reject);
    socket.once("data", (bytes: Buffer) => resolve(bytes.toString()));
    socket.write("CONNECT\naccept-version:1.2\n\n\0");
  });
}

function certificateFiles(): { tlsCertificate: string; tlsKey: string } {
  const folder = mkdtempSync(join(tmpdir(), "jackalope-tls-"));
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
  const files = { tlsCertificate: join(folder, "cert.pem"), tlsKey: join(folder, "key.pem") };
  writeFileSync(files.tlsCertificate, certificate);
  writeFileSync(files.tlsKey, privateKey);
  return files;
}

describe("STOMP", () => {
  test("is spoken over TCP and WebSocket, and without a certificate not over TLS", async () => {
    const { ports } = await open({ stompPort: 0, stompTlsPort: 0, stompWsPort: 0, stompWssPort: 0 });
    expect(ports).toMatchObject({ stompTls: null, stompWss: null });
    expect(await firstWords(ports.stomp)).toMatch(/^CONNECTED\nversion:1\.2\n.*server:Jackalope\//s);
    expect((await fetch(`http://127.0.0.1:${ports.stompWs}/ws`)).status).toBe(426);
  });

  test("is spoken over TLS where there is a certificate", async () => {
    const { ports } = await open({ ...certificateFiles(), stompTlsPort: 0, stompWssPort: 0 });
    expect(ports).toMatchObject({ stomp: null, stompWs: null, stompWss: expect.any(Number) });
    expect(await firstWords(ports.stompTls, true)).toMatch(/^CONNECTED\n/);
  });

  test("refuses anonymous clients where that is switched off", async () => {
    const { ports } = await open({ stompPort: 0, stompAnonymousUser: "off" });
    expect(await firstWords(ports.stomp)).toContain("Missing login or passcode header(s)");
  });

  test.each([
    ["a key alone", { tlsKey: "key.pem" }, "tls-certificate: tls-certificate and tls-key belong together"],
    ["a missing file", { tlsCertificate: "none.pem", tlsKey: "none.pem" }, "tls-certificate: cannot read none.pem"],
    ["what is no certificate", { tlsCertificate: "package.json", tlsKey: "package.json" }, "tls-certificate: "],
  ])("does not start with %s", async (_, options, text) => {
    await expect(createBroker(options)).rejects.toThrow(text);
  });
});
