import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { certificate, clientCertificate, clientPrivateKey, privateKey } from "@jackalope/testkit";
import { afterEach, expect, test } from "vitest";
import { openRedisStorage, StoreClosedError } from "../src/index.ts";
import { deafListener, deafVisitor } from "./fixture/deaf.ts";
import { appendNumbers, numbers, open, storedNumbers } from "./fixture/numbered.ts";
import { Recorder } from "./fixture/recorder.ts";
import { RedisServer } from "./fixture/redis-server.ts";
import { until } from "./fixture/until.ts";

let server: RedisServer | null = null;

afterEach(async () => {
  await server?.discard();
  server = null;
});

/** What docs/redis.md says that a user of the broker's own needs. */
const permissions = [
  ...["~jackalope:*", "&jackalope:*", "-@all", "+@read", "+@write", "+@scripting", "+@connection", "+@transaction"],
  ...["+subscribe", "+publish", "+cluster|slots", "+cluster|keyslot"],
];

test("a password is given", async () => {
  server = await RedisServer.start({ settings: ["--requirepass", "s€cret/word"], password: "s€cret/word" });
  const address = `redis://:${encodeURIComponent("s€cret/word")}@127.0.0.1:${server.port}/0`;
  const store = await open({ address });
  await store.commit(appendNumbers(store, [1], 0, 5));
  await store.engine.close();
  expect(await storedNumbers({ address }, 1)).toEqual(numbers(0, 5));
});

test("a user with just the rights that it needs is enough", async () => {
  server = await RedisServer.start();
  await server.admin.call("ACL", "SETUSER", "broker", "on", ">word", ...permissions);
  const address = `redis://broker:word@127.0.0.1:${server.port}/0`;
  const log = new Recorder();
  const store = await open({ address, logger: log });
  store.engine.put("name", Buffer.from("value"));
  await store.commit(appendNumbers(store, [1, 2], 0, 5, 5000));
  await store.commit(store.engine.settle(1, store.engine.durable));
  await store.engine.close();
  expect(log.lines.some((line) => line.includes("its settings cannot be read"))).toBe(true);
  expect(await storedNumbers({ address }, 2)).toEqual(numbers(0, 5));
});

test("a wrong password is told in the log, and tried again", async () => {
  server = await RedisServer.start({ settings: ["--requirepass", "right"], password: "right" });
  const log = new Recorder();
  const engine = openRedisStorage({ address: `redis://:wrong@127.0.0.1:${server.port}`, logger: log });
  const recovering = engine.recover(deafListener, deafVisitor);
  const refused = expect(recovering).rejects.toBeInstanceOf(StoreClosedError);
  await until("the log tells", () => log.lines.some((line) => line.includes("WRONGPASS")));
  await engine.close();
  await refused;
  expect(log.lines.filter((line) => /^(info|warn|error)/.test(line))).toHaveLength(1);
});

test("a database other than 0 keeps things apart", async () => {
  server = await RedisServer.start();
  const address = `redis://127.0.0.1:${server.port}/3`;
  const store = await open({ address });
  await store.commit(appendNumbers(store, [1], 0, 5));
  await store.engine.close();
  expect(await server.admin.dbsize()).toBe(0);
  expect(await storedNumbers({ address }, 1)).toEqual(numbers(0, 5));
});

test("a database that Redis does not have is never another one", async () => {
  server = await RedisServer.start();
  const log = new Recorder();
  const engine = openRedisStorage({ address: `redis://127.0.0.1:${server.port}/99`, logger: log });
  const recovering = engine.recover(deafListener, deafVisitor);
  const refused = expect(recovering).rejects.toBeInstanceOf(StoreClosedError);
  await until("the log tells", () => log.lines.some((line) => line.includes("DB index is out of range")));
  await engine.close();
  await refused;
  expect(await server.admin.dbsize()).toBe(0);
});

test("TLS, with a certificate of the broker's own", async () => {
  const directory = await mkdtemp(join(tmpdir(), "jackalope-tls-"));
  const files = { ca: certificate, key: privateKey };
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
  const place = (name: string): string => join(directory, name);
  const settings = ["--tls-cert-file", place("ca"), "--tls-key-file", place("key"), "--tls-ca-cert-file", place("ca")];
  server = await RedisServer.start({
    settings: [...settings, "--tls-auth-clients", "optional"],
    tls: { ca: certificate, serverName: "localhost" },
  });
  const address = `rediss://127.0.0.1:${server.port}/0`;
  const tls = { ca: certificate, serverName: "localhost" };
  const store = await open({ address, tls });
  await store.commit(appendNumbers(store, [1], 0, 5, 50_000));
  await server.admin.config("SET", "tls-auth-clients", "yes");
  await store.engine.close();
  // Now a client without a certificate is turned away.
  const own = { ...tls, certificate: clientCertificate, key: clientPrivateKey };
  expect(await storedNumbers({ address, tls: own }, 1)).toEqual(numbers(0, 5));
  const log = new Recorder();
  const stranger = openRedisStorage({ address, tls: { serverName: "localhost" }, logger: log });
  const recovering = stranger.recover(deafListener, deafVisitor);
  const refused = expect(recovering).rejects.toBeInstanceOf(StoreClosedError);
  await until("the certificate is refused", () => log.lines.some((line) => line.includes("certificate")));
  await stranger.close();
  await refused;
  await rm(directory, { recursive: true });
});
