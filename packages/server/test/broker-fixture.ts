import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { certificate, privateKey } from "@jackalope/testkit";
import { afterEach } from "vitest";
import { createBroker, type CreateBrokerOptions, type EmbeddedBroker } from "../src/index.ts";

const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
});

/** Called at the end of the test, the last one first. */
export function atEnd(close: () => Promise<void> | void): void {
  closers.push(close);
}

/** A broker that ends with the test. */
export async function openBroker(options: CreateBrokerOptions): Promise<EmbeddedBroker> {
  const broker = await createBroker(options);
  atEnd(() => broker.close());
  return broker;
}

/** The settings of TLS, with files behind them that end with the test. */
export function certificateFiles(): { tlsCertificate: string; tlsKey: string; tlsCa: string } {
  const folder = mkdtempSync(join(tmpdir(), "jackalope-tls-"));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  const [tlsCertificate, tlsKey] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  writeFileSync(tlsCertificate, certificate);
  writeFileSync(tlsKey, privateKey);
  return { tlsCertificate, tlsKey, tlsCa: tlsCertificate };
}
