import { afterEach, beforeEach, expect, test } from "vitest";
import { openRedisStorage, type RedisStorageOptions, StoreClosedError } from "../src/index.ts";
import { scripts } from "../src/scripts.ts";
import { deafListener, deafVisitor } from "./fixture/deaf.ts";
import { appendNumbers, numbers, open, storedNumbers } from "./fixture/numbered.ts";
import { Recorder } from "./fixture/recorder.ts";
import { RedisServer } from "./fixture/redis-server.ts";
import { TcpProxy } from "./fixture/tcp-proxy.ts";
import { until } from "./fixture/until.ts";

/** Large commits are transactions of several commands: each is done as a whole or not at all, whatever comes in between. */

const large = 20_000;
const stream = "jackalope:{faults:0}:queue:1";
let server: RedisServer;
let proxy: TcpProxy;
let options: RedisStorageOptions;

beforeEach(async () => {
  server = await RedisServer.start(["--busy-reply-threshold", "100"]);
  proxy = await TcpProxy.start(server.port);
  options = { address: proxy.address, cluster: "faults", answerTimeoutMs: 1000 };
});
afterEach(async () => {
  await proxy.close();
  await server.discard();
});

test("scripts that Redis has forgotten", async () => {
  const store = await open(options);
  await store.commit(appendNumbers(store, [1], 0, 5, large));
  await server.admin.script("FLUSH");
  await store.commit(appendNumbers(store, [1], 5, 5, large));
  expect(store.failures.map(({ message }) => message.split(" ")[0])).toEqual(["NOSCRIPT"]);
  await store.engine.close();
  expect(await storedNumbers(options, 1)).toEqual(numbers(0, 10));
});

test("a fault of our own at the answer to a commit is told, and nothing more becomes durable", async () => {
  const store = await open(options);
  await store.commit(appendNumbers(store, [1], 0, 1));
  store.onDurable = () => {
    throw new Error("a fault of ours");
  };
  appendNumbers(store, [1], 1, 1);
  store.engine.flush();
  await store.until(() => store.breaks.length > 0);
  expect(store.breaks).toEqual([new Error("a fault of ours")]);
  const { durable } = store.engine;
  appendNumbers(store, [1], 2, 1);
  store.engine.flush();
  await expect(store.engine.close()).rejects.toThrow("a fault of ours");
  expect(store.engine.durable).toBe(durable);
  expect(await storedNumbers(options, 1)).toEqual(numbers(0, 2));
});

test.each([
  { before: "its beginning", text: "*1\r\n$5\r\nMULTI" },
  { before: "the first part of the script", text: "$7\r\nEVALSHA" },
  { before: "its entries", text: "$4\r\nXADD" },
  { before: "the last part of the script", text: "\r\n$1\r\nc\r\n" },
  { before: "its end", text: "*1\r\n$4\r\nEXEC" },
])("a connection that is lost before $before", async ({ text }) => {
  const store = await open({ ...options, leaseMs: 60_000 });
  await store.commit(appendNumbers(store, [1], 0, 1));
  proxy.holdRequestsFrom(text);
  const lsn = appendNumbers(store, [1], 1, 2, large);
  store.engine.flush();
  await until("the rest is held back", () => proxy.holding);
  proxy.cut();
  proxy.release();
  await store.commit(lsn);
  expect(store.failures).toHaveLength(1);
  expect(await server.admin.exists(`${stream}:gate`)).toBe(0);
  await store.engine.close();
  expect(await storedNumbers(options, 1)).toEqual(numbers(0, 3));
});

test("answers that are lost, with several on their way", async () => {
  const store = await open(options);
  await store.commit(appendNumbers(store, [1], 0, 5));
  proxy.holdAnswersTo(scripts.commit.sha);
  let next = 5;
  // Each is large enough not to wait for the one before.
  for (let commit = 0; commit < 6; commit++, next += 20) {
    appendNumbers(store, [1], next, 20, large);
    store.engine.flush();
  }
  const state = "jackalope:{faults:0}:state";
  const done = Number(await server.admin.hget(state, "number"));
  await until("some are done", async () => Number(await server.admin.hget(state, "number")) >= done + 3);
  proxy.cut();
  proxy.release();
  await store.until(() => store.engine.pendingBytes === 0);
  await store.engine.close();
  expect(await storedNumbers(options, 1)).toEqual(numbers(0, next));
});

test("the right to XADD that is taken away in between", async () => {
  await server.admin.call("ACL", "SETUSER", "broker", "on", ">word", "~*", "&*", "+@all");
  const store = await open({ ...options, address: options.address.replace("//", "//broker:word@") });
  const first = appendNumbers(store, [1], 0, 1);
  await store.commit(first);
  const before = await server.admin.dumpBuffer(stream);
  proxy.holdRequestsFrom("*1\r\n$4\r\nEXEC");
  const lsn = store.engine.atomic(() => {
    appendNumbers(store, [1, 2], 1, 2, large);
    appendNumbers(store, [1], 3, 2, large);
    store.engine.settle(1, first);
  });
  store.engine.flush();
  await until("all but EXEC is there", () => proxy.holding);
  // Redis looks at the rights again when it does the commands.
  await server.admin.call("ACL", "SETUSER", "broker", "-xadd");
  proxy.release();
  await store.until(() => store.failures.length > 0);
  expect(store.failures[0]?.message).toContain("NOPERM");
  expect((await server.admin.dumpBuffer(stream))?.equals(before)).toBe(true);
  expect(await server.admin.keys("*queue*")).toEqual([stream]);
  expect(store.engine.durable).toBeLessThan(lsn);
  await server.admin.call("ACL", "SETUSER", "broker", "+xadd");
  await store.until(() => store.engine.durable >= lsn);
  await store.engine.close();
  expect(await storedNumbers(options, 1)).toEqual(numbers(1, 4));
});

test("memory that runs out in between", async () => {
  const store = await open(options);
  await store.commit(appendNumbers(store, [1], 0, 1));
  proxy.holdRequestsFrom("*1\r\n$4\r\nEXEC");
  const lsn = appendNumbers(store, [1], 1, 2, large);
  store.engine.flush();
  await until("all but EXEC is there", () => proxy.holding);
  const before = await server.admin.dumpBuffer(stream);
  await server.admin.config("SET", "maxmemory", "1");
  proxy.release();
  await store.until(() => store.failures.length > 0);
  expect(store.failures[0]?.message).toContain("OOM");
  expect((await server.admin.dumpBuffer(stream))?.equals(before)).toBe(true);
  await server.admin.config("SET", "maxmemory", "0");
  await store.until(() => store.engine.durable >= lsn);
  await store.engine.close();
  expect(await storedNumbers(options, 1)).toEqual(numbers(0, 3));
});

test("Redis that becomes a replica, or has too few of them, in between", async () => {
  const store = await open(options);
  await store.commit(appendNumbers(store, [1], 0, 1));
  const hindrances = [
    {
      error: "READONLY",
      begin: () => server.admin.replicaof("127.0.0.1", 1),
      end: () => server.admin.replicaof("NO", "ONE"),
    },
    {
      error: "NOREPLICAS",
      begin: () => server.admin.config("SET", "min-replicas-to-write", "1"),
      end: () => server.admin.config("SET", "min-replicas-to-write", "0"),
    },
  ];
  for (const [round, { error, begin, end }] of hindrances.entries()) {
    proxy.holdRequestsFrom("*1\r\n$4\r\nEXEC");
    const lsn = appendNumbers(store, [1], 1 + round * 2, 2, large);
    store.engine.flush();
    await until("all but EXEC is there", () => proxy.holding);
    const before = await server.admin.dumpBuffer(stream);
    const failures = store.failures.length;
    await begin();
    proxy.release();
    await store.until(() => store.failures.length > failures);
    expect(store.failures.at(-1)?.message).toContain(error);
    expect((await server.admin.dumpBuffer(stream))?.equals(before)).toBe(true);
    await end();
    await store.until(() => store.engine.durable >= lsn);
  }
  await store.engine.close();
  expect(await storedNumbers(options, 1)).toEqual(numbers(0, 5));
});

test("a stream that is no stream", async () => {
  const store = await open(options);
  await store.commit(appendNumbers(store, [2], 0, 1));
  await server.admin.set(stream, "a");
  const lsn = store.engine.atomic(() => {
    appendNumbers(store, [2], 1, 1, large);
    appendNumbers(store, [1], 0, 1, large);
  });
  store.engine.flush();
  await store.until(() => store.failures.length > 0);
  expect(store.failures[0]?.message).toContain("WRONGTYPE");
  expect(await server.admin.xlen("jackalope:{faults:0}:queue:2")).toBe(1);
  expect(await server.admin.keys("*:gate")).toEqual([]);
  await server.admin.del(stream);
  await store.until(() => store.engine.durable >= lsn);
  await store.engine.close();
  expect(await storedNumbers(options, 2)).toEqual(numbers(0, 2));
});

test("somebody's script that keeps Redis busy", async () => {
  const store = await open({ ...options, answerTimeoutMs: 5000 });
  await store.commit(appendNumbers(store, [1], 0, 1));
  const other = server.admin.duplicate({ lazyConnect: false });
  const endless = other.eval("while true do end", 0).catch((error: Error) => error.message);
  await until("Redis is busy", () =>
    server.admin.ping().then(
      () => false,
      (error: Error) => error.message.startsWith("BUSY"),
    ),
  );
  const lsn = appendNumbers(store, [1], 1, 3, large);
  store.engine.flush();
  await store.until(() => store.failures.length > 0);
  expect(store.failures[0]?.message).toContain("BUSY");
  await server.admin.script("KILL");
  expect(await endless).toContain("killed");
  await store.until(() => store.engine.durable >= lsn);
  other.disconnect();
  await store.engine.close();
  expect(await storedNumbers(options, 1)).toEqual(numbers(0, 4));
});

test("a user who may not use transactions never gets to write", async () => {
  await server.admin.call("ACL", "SETUSER", "broker", "on", ">word", "~*", "&*", "+@all", "-multi");
  const log = new Recorder();
  const address = options.address.replace("//", "//broker:word@");
  const engine = openRedisStorage({ ...options, address, logger: log });
  const recovering = engine.recover(deafListener, deafVisitor);
  const refused = expect(recovering).rejects.toBeInstanceOf(StoreClosedError);
  await until("the log tells", () => log.lines.some((line) => /NOPERM.*multi/.test(line)));
  await engine.close();
  await refused;
  expect(await server.admin.dbsize()).toBe(0);
});
