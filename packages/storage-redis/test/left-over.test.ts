import { testMessage } from "@jackalope/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { LeaseLostError, RedisStorageOptions } from "../src/index.ts";
import { appendNumbers, numbers, numbersOf, open, storedNumbers } from "./fixture/numbered.ts";
import { Recorder } from "./fixture/recorder.ts";
import { RedisServer } from "./fixture/redis-server.ts";
import { until } from "./fixture/until.ts";

/** States of Redis in which no commit leaves it, and what a broker makes of them. */

let server: RedisServer;
let clusters = 0;
let stream = "";
let options: RedisStorageOptions;
let lost: LeaseLostError[];

beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server.discard());
beforeEach(() => {
  lost = [];
  const cluster = `left-${++clusters}`;
  options = { address: server.address, cluster, closeTimeoutMs: 1, onLeaseLost: (error) => lost.push(error) };
  stream = `jackalope:{${cluster}:0}:queue:1`;
});

/** Entries with their fields as bytes. */
async function entries(): Promise<[string, Buffer[]][]> {
  const rows = await server.admin.xrangeBuffer(stream, "-", "+");
  return rows.map(([id, fields]) => [String(id), fields] as [string, Buffer[]]);
}

async function everything(): Promise<Record<string, string>> {
  const keys = (await server.admin.keys(`jackalope:{${options.cluster}:*`)).filter((key) => !key.endsWith("lease"));
  const dumps = await Promise.all(keys.map((key) => server.admin.dumpBuffer(key)));
  return Object.fromEntries(keys.map((key, index) => [key, (dumps[index] as Buffer).toString("hex")]));
}

test("a stream that stands at its gate is put back", async () => {
  const store = await open(options);
  await store.commit(appendNumbers(store, [1], 0, 5));
  await store.engine.close();
  await server.admin.rename(stream, `${stream}:gate`);
  const log = new Recorder();
  const next = await open({ ...options, logger: log });
  expect(log.lines.filter((line) => line.includes("put back"))).toHaveLength(1);
  expect(await numbersOf(next, 1)).toEqual(numbers(0, 5));
  await next.commit(appendNumbers(next, [1], 5, 5, 20_000));
  await next.engine.close();
  expect(await storedNumbers(options, 1)).toEqual(numbers(0, 10));
  expect(await server.admin.exists(`${stream}:gate`)).toBe(0);
});

test("what came under the stream's own name meanwhile goes behind it, in place of what nobody had confirmed", async () => {
  const store = await open(options);
  for (let from = 0; from < 20; from += 5) await store.commit(appendNumbers(store, [1], from, 5));
  await store.commit(store.engine.settle(1, 1));
  await store.engine.close();
  const [first, second, third, fourth] = await entries();
  if (first === undefined || second === undefined || third === undefined || fourth === undefined)
    throw new Error("none");
  const gate = `${stream}:gate`;
  await server.admin.del(stream);
  for (const [id, fields] of [first, second]) await server.admin.xadd(gate, id, ...fields);
  // Of a leader that was fenced: the next one has given these Lsns again. One that begins before, and one behind.
  await server.admin.xadd(gate, `${Number.parseInt(third[0], 10) - 1}-0`, ...third[1]);
  await server.admin.xadd(gate, `${Number.parseInt(third[0], 10) + 3}-0`, ...fourth[1]);
  for (const [id, fields] of [third, fourth]) await server.admin.xadd(stream, id, ...fields);
  expect(await storedNumbers(options, 1)).toEqual(numbers(1, 19));
  expect((await entries()).map(([id]) => id)).toEqual([first[0], second[0], third[0], fourth[0]]);
  expect(await server.admin.exists(gate)).toBe(0);
  const next = await open(options);
  await next.commit(appendNumbers(next, [1], 20, 5, 20_000));
  await next.engine.close();
  expect(await storedNumbers(options, 1)).toEqual(numbers(1, 24));
});

test("what a crash has left of the copying of definitions is none of them", async () => {
  const store = await open(options);
  await store.commit(store.engine.put("name", Buffer.from("value")));
  await store.engine.close();
  const prefix = stream.replace("queue:1", "");
  await server.admin.hset(`${prefix}definitions`, "", "");
  await server.admin.hset(`${prefix}definitions:copy`, { "": "", name: "before", other: "before" });
  await server.admin.sadd(`${prefix}streams`, "");
  const next = await open(options);
  expect(next.definitions).toEqual(new Map([["name", Buffer.from("value")]]));
  await next.commit(appendNumbers(next, [1], 0, 5));
  await next.engine.close();
  expect(await storedNumbers(options, 1)).toEqual(numbers(0, 5));
  expect(await server.admin.hgetall(`${prefix}definitions`)).toEqual({ name: "value" });
  expect(await server.admin.exists(`${prefix}definitions:copy`)).toBe(0);
  expect(await server.admin.smembers(`${prefix}streams`)).toEqual(["1"]);
});

test("a gate that holds nothing that counts goes", async () => {
  const store = await open(options);
  await store.commit(appendNumbers(store, [1], 0, 5));
  await store.engine.close();
  const [entry] = await entries();
  await server.admin.xadd(`${stream}:gate`, "7-0", ...(entry?.[1] ?? []));
  expect(await storedNumbers(options, 1)).toEqual(numbers(0, 5));
  expect(await server.admin.exists(`${stream}:gate`)).toBe(0);
});

test("a stream is put back, and definitions are read, where Redis is out of memory, too", async () => {
  const own = await RedisServer.start();
  const store = await open({ ...options, address: own.address });
  const definitions = numbers(0, 1000).map((number) => [`name ${number}`, Buffer.alloc(200, number)] as const);
  for (const [name, value] of definitions) store.engine.put(name, value);
  await store.commit(appendNumbers(store, [1], 0, 5));
  await store.engine.close();
  const rows = await own.admin.xrangeBuffer(stream, "-", "+");
  await own.admin.rename(stream, `${stream}:gate`);
  await own.admin.xadd(stream, "50-0", ...(rows[0]?.[1] ?? []));
  await own.admin.config("SET", "maxmemory", "1");
  const next = await open({ ...options, address: own.address });
  expect(await numbersOf(next, 1)).toEqual([...numbers(0, 5), ...numbers(0, 5)]);
  expect(next.definitions).toEqual(new Map(definitions));
  await own.admin.config("SET", "maxmemory", "0");
  await next.engine.close();
  await own.discard();
});

test.each([
  { size: "small", bytes: 0, what: "a later id", prepare: () => server.admin.xsetid(stream, "5000-0") },
  { size: "large", bytes: 20_000, what: "a later id", prepare: () => server.admin.xsetid(stream, "5000-0") },
  {
    ...{ size: "large", bytes: 20_000, what: "an id that only its first entry cannot have" },
    prepare: (durable: number) => server.admin.xsetid(stream, `${durable + 1}-0`),
  },
  {
    ...{ size: "large", bytes: 20_000, what: "a gate that was left over" },
    prepare: () => server.admin.xadd(`${stream}:gate`, "2-0", "a", "b"),
  },
])("where a $size commit meets $what the broker leaves, and nothing of it is done", async ({ bytes, prepare }) => {
  const store = await open(options);
  await store.commit(appendNumbers(store, [1], 0, 5));
  await store.commit(appendNumbers(store, [2], 0, 1));
  const { durable } = store.engine;
  await prepare(durable);
  const before = await everything();
  // As where a message is dead-lettered: it must not go from where it was if it does not come where it goes.
  const lsn = store.engine.atomic(() => {
    appendNumbers(store, [1], 5, 2, bytes);
    store.engine.append([3], testMessage("0".padEnd(bytes)));
    store.engine.settle(2, durable);
  });
  store.engine.flush();
  await until("it leaves", () => lost.length > 0);
  expect(lost[0]?.message).toContain("not written");
  expect(store.engine.durable).toBeLessThan(lsn);
  await store.engine.close().catch(() => undefined);
  const after = await everything();
  expect(after[stream]).toBe(before[stream]);
  expect({ ...after, [`${stream}:gate`]: "" }).toEqual({ ...before, [`${stream}:gate`]: "" });
  // The next broker can go on.
  await server.admin.del(`jackalope:{${options.cluster}:0}:lease`, `${stream}:gate`);
  const next = await open(options);
  expect(await numbersOf(next, 2)).toEqual([0]);
  await next.commit(appendNumbers(next, [1], 5, 5, bytes));
  await next.engine.close();
  expect(await storedNumbers(options, 1)).toEqual(numbers(0, 10));
});

test("an entry that stands in two places counts once", async () => {
  const store = await open(options);
  const last = appendNumbers(store, [1], 0, 5);
  await store.commit(last);
  await store.commit(store.engine.settle(1, last - 1));
  await store.engine.close();
  const [[id, fields] = ["", []]] = await entries();
  const first = String(last - 4);
  // Moved, and moved again; both commits were lost in part before they deleted the old one.
  for (const later of [50, 60]) await server.admin.xadd(stream, `${last + later}-0`, ...fields, "first", first);
  const next = await open(options);
  expect(await numbersOf(next, 1)).toEqual([0, 1, 2, 4]);
  await next.commit(next.engine.put("turn", Buffer.from("1")));
  expect((await entries()).map(([each]) => each)).toEqual([id]);
  await next.engine.close();
  await server.admin.xdel(stream, id);
  for (const later of [50, 60]) {
    await server.admin.xadd(stream, `${last + later + 2 ** 25}-0`, ...fields, "first", first);
  }
  expect(await storedNumbers(options, 1)).toEqual(numbers(0, 5));
});
