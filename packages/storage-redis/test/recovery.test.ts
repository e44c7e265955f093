import { testMessage } from "@jackalope/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { CorruptStreamError } from "../src/index.ts";
import { scripts } from "../src/scripts.ts";
import { appendNumbers, numbers, numbersOf, open, storedNumbers } from "./fixture/numbered.ts";
import { RedisServer } from "./fixture/redis-server.ts";
import { TcpProxy } from "./fixture/tcp-proxy.ts";
import { until } from "./fixture/until.ts";

/** What a broker's two connections send before they ask for anything. */
const scriptBytes = Object.values(scripts).reduce((bytes, { lua }) => bytes + lua.length * 2, 0);

let server: RedisServer;
let clusters = 0;
let prefix = "";
let options: { address: string; cluster: string };

beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server.discard());
beforeEach(() => {
  options = { address: server.address, cluster: `recovery-${++clusters}` };
  prefix = `jackalope:{${options.cluster}:0}:`;
});

test("what a broker left behind is swept up by the next one", async () => {
  const store = await open(options);
  const own = appendNumbers(store, [1], 0, 1);
  await store.commit(own);
  const shared = appendNumbers(store, [1, 2], 1, 1);
  await store.commit(shared);
  const kept = appendNumbers(store, [1], 2, 3);
  await store.commit(kept);
  await store.engine.close();
  // As if deletions were lost, and as if others had come ahead of their commits.
  await server.admin.hset(`${prefix}queue:1:settled`, `${own}-0`, Buffer.of(1));
  await server.admin.hset(`${prefix}queue:0:settled`, `${shared}-0`, Buffer.of(3));
  await server.admin.hset(`${prefix}queue:1:settled`, `${kept + 50}-0`, Buffer.of(1));
  await server.admin.sadd(`${prefix}streams`, 77);
  const next = await open(options);
  expect(await numbersOf(next, 1)).toEqual([2, 3, 4]);
  expect(await numbersOf(next, 2)).toEqual([]);
  await next.commit(next.engine.settle(1, kept));
  expect((await server.admin.keys(`${prefix}*`)).map((key) => key.slice(prefix.length)).sort()).toEqual([
    ...["lease", "queue:1", "queue:1:settled", "state", "streams"],
  ]);
  expect(await server.admin.smembers(`${prefix}streams`)).toEqual(expect.arrayContaining(["1"]));
  expect(await server.admin.smembers(`${prefix}streams`)).not.toContain("77");
  expect(Object.keys(await server.admin.hgetall(`${prefix}queue:1:settled`))).toEqual([`${kept - 2}-0`]);
  await next.engine.close();
});

test("settled messages leave nothing in Redis", async () => {
  const store = await open(options);
  for (let round = 0; round < 5; round++) {
    const last = appendNumbers(store, [1], 0, 50);
    const shared = appendNumbers(store, [1, 2, 3], 0, 20);
    await store.commit(shared);
    for (let lsn = last - 49; lsn <= shared; lsn++) {
      if (lsn % 3 === 0) store.engine.flush();
      for (const queueId of [1, 2, 3]) store.engine.settle(queueId, lsn);
    }
    await store.commit(store.engine.put("a", null));
  }
  expect(store.engine.statistics()).toMatchObject({ storedBytes: 0, segments: 0 });
  expect((await server.admin.keys(`${prefix}queue*`)).sort()).toEqual([]);
  await store.engine.close();
});

test("streams of queues that came and went are taken out of the list", async () => {
  const store = await open(options);
  for (let queueId = 1; queueId <= 3000; queueId++) {
    const lsn = store.engine.append([queueId], testMessage("x"));
    if (queueId % 100 === 0) await store.commit(lsn);
    store.engine.settle(queueId, lsn);
  }
  await store.commit(store.engine.append([5000], testMessage("x")));
  expect(await server.admin.scard(`${prefix}streams`)).toBeLessThan(1100);
  expect(await server.admin.sismember(`${prefix}streams`, "5000")).toBe(1);
  await store.engine.close();
});

test.each([
  ["an entry that is not ours", async () => server.admin.xadd(`${prefix}queue:1`, "9999-0", "a", "b")],
  [
    "an entry without all its messages",
    async () => {
      await server.admin.xadd(`${prefix}queue:1`, "9999-0", "index", Buffer.alloc(80), "routes", "[]", "data", "abc");
    },
  ],
  ["a later layout", async () => server.admin.hset(`${prefix}state`, "layout", "2")],
] as const)("%s is refused, and nothing is changed", async (_, damage) => {
  const store = await open(options);
  await store.commit(appendNumbers(store, [1], 0, 3));
  await store.engine.close();
  await damage();
  const before = await server.admin.dumpBuffer(`${prefix}queue:1`);
  await expect(open(options)).rejects.toBeInstanceOf(CorruptStreamError);
  expect((await server.admin.dumpBuffer(`${prefix}queue:1`))?.equals(before)).toBe(true);
  expect(await server.admin.exists(`${prefix}lease`)).toBe(0);
});

test("recovery that is cut off begins again, and tells everything once", async () => {
  const store = await open(options);
  for (let from = 0; from < 300; from += 3) {
    store.engine.put(`key ${from}`, Buffer.alloc(100, 1));
    await store.commit(appendNumbers(store, [1 + (from % 5)], from, 3));
  }
  await store.engine.close();
  for (const bytes of [700, scriptBytes + 400, scriptBytes + 1000, scriptBytes + 1700]) {
    const proxy = await TcpProxy.start(server.port);
    proxy.cutAfter(bytes);
    const next = await open({ ...options, address: proxy.address });
    // Two, and what was cut off.
    expect(proxy.accepted).toBeGreaterThanOrEqual(4);
    expect(next.definitions.size).toBe(100);
    expect(next.messages.map(({ lsn }) => lsn)).toEqual(store.watermarks.flatMap((lsn) => [lsn - 2, lsn - 1, lsn]));
    await next.engine.close();
    await proxy.close();
  }
  expect(await storedNumbers(options, 1)).toEqual(
    numbers(0, 300).filter((number) => (number - (number % 3)) % 5 === 0),
  );
});

test("definitions are whole wherever the reading of them ends, and come once", async () => {
  const store = await open(options);
  for (let index = 0; index < 2000; index++) store.engine.put(`name ${index}`, Buffer.alloc(100, index));
  await store.commit(store.engine.put("last", Buffer.of(1)));
  await store.engine.close();
  const stored = await storedDefinitions();
  expect(stored.size).toBe(2001);
  let cutWithin = 0;
  for (let bytes = 500; bytes < 6000; bytes += 500) {
    const proxy = await TcpProxy.start(server.port);
    proxy.cutAfter(scriptBytes + bytes, true);
    const opening = open({ ...options, address: proxy.address });
    await until("it is cut off", () => proxy.refusing);
    if ((await server.admin.exists(`${prefix}definitions:copy`)) === 1) cutWithin++;
    expect(differences(await storedDefinitions(), stored)).toEqual([]);
    proxy.refusing = false;
    const next = await opening;
    expect(differences(next.definitions, stored)).toEqual([]);
    expect(differences(await storedDefinitions(), stored)).toEqual([]);
    await next.engine.close();
    await proxy.close();
  }
  expect(cutWithin).toBeGreaterThan(3);
});

test("definitions stay where not all of them were found, as on a server that another cursor was of", async () => {
  const store = await open(options);
  for (let index = 0; index < 2000; index++) store.engine.put(`name ${index}`, Buffer.alloc(100, index));
  await store.commit(store.engine.put("last", Buffer.of(1)));
  const stored = await storedDefinitions();
  const writer = (await server.admin.hget(`${prefix}state`, "writer")) as string;
  const keys = ["state", "definitions", "definitions:copy"].map((name) => `${prefix}${name}`);
  const page = async (by: string, cursor: string): Promise<string> => {
    const reply = await server.admin.eval(scripts.restate.lua, 3, ...keys, by, cursor, 100);
    return String((reply as [string])[0]);
  };
  await expect(page("0:another", "0")).rejects.toThrow("FENCED");
  let cursor = await page(writer, "0");
  await server.admin.hdel(`${prefix}definitions:copy`, ...(await server.admin.hkeys(`${prefix}definitions:copy`)));
  await expect(
    (async () => {
      while (cursor !== "0") cursor = await page(writer, cursor);
    })(),
  ).rejects.toThrow("RESTARTED");
  expect(differences(await storedDefinitions(), stored)).toEqual([]);
  await store.engine.close();
});

async function storedDefinitions(): Promise<Map<string, Buffer>> {
  return new Map(Object.entries(await server.admin.hgetallBuffer(`${prefix}definitions`)));
}

/** Names that are in one of them only, or with another value. */
function differences(left: ReadonlyMap<string, Buffer>, right: ReadonlyMap<string, Buffer>): string[] {
  const names = new Set([...left.keys(), ...right.keys()]);
  return [...names].filter((name) => left.get(name)?.equals(right.get(name) ?? Buffer.alloc(0)) !== true);
}

test("many streams come up in the order of their messages", async () => {
  const store = await open(options);
  const expected: { lsn: number; queueIds: number[] }[] = [];
  for (let index = 0; index < 3000; index++) {
    const queueIds = index % 7 === 0 ? [1 + (index % 50), 100 + (index % 13)] : [1 + ((index * 31) % 200)];
    expected.push({ lsn: store.engine.append(queueIds, testMessage("x")), queueIds });
    if (index % 40 === 0) store.engine.flush();
    if (index % 400 === 0) await store.commit(store.engine.put("a", null));
  }
  await store.engine.close();
  const next = await open(options);
  expect(next.messages.map(({ lsn, queueIds }) => ({ lsn, queueIds }))).toEqual(expected);
  await next.engine.close();
});
