import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { certificate, clientPrivateKey, privateKey } from "@jackalope/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Config } from "../src/config/config.ts";
import { optionSource, resolveConfig } from "../src/config/resolve-config.ts";
import { redisOptions } from "../src/redis-options.ts";
import { StartError } from "../src/start-error.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "jackalope-redis-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function configOf(settings: Partial<Config>): Config {
  return resolveConfig([optionSource({ store: "rediss://localhost", ...settings })]);
}

describe("the options of Redis", () => {
  test("are none where nothing is set but the address", () => {
    expect(redisOptions(configOf({}))).toEqual({
      address: "rediss://localhost",
      cluster: "default",
      leaseMs: 3000,
      waitReplicas: 0,
      waitAof: false,
      answerTimeoutMs: 5000,
      tls: {},
    });
  });

  test("bring certificates as text, and the log-in for sentinels", () => {
    const [path, keyPath] = [file("certificate.pem", certificate), file("key.pem", privateKey)];
    const options = redisOptions(
      configOf({
        clusterName: "orders",
        redisLease: 1000,
        redisWaitReplicas: 2,
        redisWaitAof: true,
        redisTimeout: 700,
        redisTlsCa: path,
        redisTlsCertificate: path,
        redisTlsKey: keyPath,
        redisTlsServerName: "redis.example",
        redisSentinelUser: "watcher",
        redisSentinelPassword: "secret",
      }),
    );
    expect(options).toEqual({
      address: "rediss://localhost",
      cluster: "orders",
      leaseMs: 1000,
      waitReplicas: 2,
      waitAof: true,
      answerTimeoutMs: 700,
      tls: {
        ca: String(certificate),
        certificate: String(certificate),
        key: String(privateKey),
        serverName: "redis.example",
      },
      sentinelUserName: "watcher",
      sentinelPassword: "secret",
    });
  });

  test.each([
    [{ redisTlsCa: "nowhere.pem" }, /^redis-tls-ca: cannot read nowhere\.pem: ENOENT/],
    [
      { redisTlsCertificate: "nowhere.pem" },
      /^redis-tls-key: redis-tls-certificate and redis-tls-key belong together$/,
    ],
    [
      { redisTlsKey: "nowhere.pem" },
      /^redis-tls-certificate: redis-tls-certificate and redis-tls-key belong together$/,
    ],
  ])("refuse %j", (settings, message) => {
    expect(() => redisOptions(configOf(settings))).toThrow(message);
  });

  test("refuse messages larger than Redis can store, which other stores take", () => {
    const [most, more] = [500 * 1024 ** 2, 500 * 1024 ** 2 + 1];
    expect(redisOptions(configOf({ maxMessageSize: most })).address).toBe("rediss://localhost");
    const refusal = "max-message-size: 512MiB is more than Redis can store; at most 500MiB with --store redis";
    expect(() => redisOptions(configOf({ maxMessageSize: 512 * 1024 ** 2 }))).toThrow(new StartError(refusal));
    expect(() => redisOptions(configOf({ maxMessageSize: more }))).toThrow(StartError);
    expect(configOf({ store: "embedded", maxMessageSize: more }).maxMessageSize).toBe(more);
  });

  test("refuse what is no certificate, and a key of another one", () => {
    const [none, path] = [file("none.pem", "none"), file("certificate.pem", certificate)];
    expect(() => redisOptions(configOf({ redisTlsCa: none }))).toThrow(/^redis-tls-ca: /);
    const other = file("other.pem", clientPrivateKey);
    const settings = { redisTlsCertificate: path, redisTlsKey: other };
    expect(() => redisOptions(configOf(settings))).toThrow(/^redis-tls-certificate: /);
  });
});
