import { testMessage } from "@jackalope/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { CorruptStreamError } from "../src/index.ts";
import { appendNumbers, numbers, numbersOf, open, storedNumbers } from "./fixture/numbered.ts";
import { RedisServer } from "./fixture/redis-server.ts";
import { TcpProxy } from "./fixture/tcp-proxy.ts";

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
  for (const bytes of [700, 9500, 10_200, 11_500]) {
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
