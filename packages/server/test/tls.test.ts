import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect, type ConnectionOptions } from "node:tls";
import { certificate, clientCertificate, clientPrivateKey, privateKey } from "@jackalope/testkit";
import { describe, expect, test } from "vitest";
import { optionSource, resolveConfig } from "../src/config/resolve-config.ts";
import { createBroker } from "../src/index.ts";
import { readTls } from "../src/read-tls.ts";
import { atEnd, certificateFiles, openBroker } from "./broker-fixture.ts";

/** What AMQP says first to a client (AMQP 0-9-1, 4.2.2). */
async function firstWords(port: number | null, options: ConnectionOptions = {}): Promise<Buffer> {
  const socket = connect({ port: port ?? 0, host: "127.0.0.1", servername: "localhost", ca: certificate, ...options });
  atEnd(() => void socket.destroy());
  socket.write(Buffer.from("AMQP\0\0\x09\x01", "latin1"));
  const [bytes] = (await once(socket, "data")) as [Buffer];
  return bytes;
}

describe("AMQP over TLS", () => {
  test("is spoken where there is a certificate", async () => {
    const { tlsCertificate, tlsKey } = certificateFiles();
    const { ports } = await openBroker({ tlsCertificate, tlsKey, amqpPort: "off", amqpTlsPort: 0 });
    expect(ports).toMatchObject({ amqp: null, amqpTls: expect.any(Number) });
    expect((await firstWords(ports.amqpTls)).includes("AMQPLAIN")).toBe(true);
  });

  test("is not spoken without", async () => {
    const { ports } = await openBroker({ amqpTlsPort: 0 });
    expect(ports).toMatchObject({ amqp: expect.any(Number), amqpTls: null });
  });

  test.each([
    ["with a certificate of it", { cert: clientCertificate, key: clientPrivateKey }],
    ["with a certificate of somebody else", { cert: certificate, key: privateKey }],
    ["without a certificate", {}],
  ])("takes clients %s where an authority is set", async (_, options) => {
    const { ports } = await openBroker({ ...certificateFiles(), amqpTlsPort: 0 });
    expect((await firstWords(ports.amqpTls, options)).includes("AMQPLAIN")).toBe(true);
  });
});

describe("the files of TLS", () => {
  const read = (options: Record<string, string>) => readTls(resolveConfig([optionSource(options)]));

  test("make clients show a certificate where an authority is set, and only then", () => {
    const files = certificateFiles();
    const identity = { cert: Buffer.from(certificate), key: Buffer.from(privateKey) };
    const asking = { ca: Buffer.from(certificate), requestCert: true, rejectUnauthorized: false };
    expect(read({})).toBeUndefined();
    expect(read({ ...files, tlsCa: "off" })).toEqual(identity);
    expect(read(files)).toEqual({ ...identity, ...asking });
  });

  test("keep the broker from starting where the key is none, and name it", () => {
    const { tlsCertificate } = certificateFiles();
    expect(() => read({ tlsCertificate, tlsKey: tlsCertificate })).toThrow("tls-key: ");
  });

  test.each([
    ["of the same kind", clientPrivateKey],
    [
      "of another kind",
      generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" }),
    ],
  ])("keep the broker from starting where the key is that of another certificate, %s", (_, key) => {
    const { tlsCertificate, tlsKey } = certificateFiles();
    writeFileSync(tlsKey, key);
    expect(() => read({ tlsCertificate, tlsKey })).toThrow(
      `tls-certificate: the key in ${tlsKey} (tls-key) does not fit ${tlsCertificate}`,
    );
  });

  test("keep the broker from starting where the authority is none", () => {
    const { tlsKey, ...others } = certificateFiles();
    expect(() => read({ ...others, tlsKey, tlsCa: tlsKey })).toThrow("tls-ca: ");
    expect(() => read({ ...others, tlsKey, tlsCa: "none.pem" })).toThrow("tls-ca: cannot read none.pem");
    expect(() => read({ tlsCa: others.tlsCa })).toThrow("tls-ca: there is no tls-certificate");
  });

  test.each([
    ["a key alone", { tlsKey: "key.pem" }, "tls-certificate: tls-certificate and tls-key belong together"],
    ["a missing file", { tlsCertificate: "none.pem", tlsKey: "none.pem" }, "tls-certificate: cannot read none.pem"],
    ["what is no certificate", { tlsCertificate: "package.json", tlsKey: "package.json" }, "tls-certificate: "],
  ])("keep the broker from starting: %s", async (_, options, text) => {
    await expect(createBroker(options)).rejects.toThrow(text);
  });
});
