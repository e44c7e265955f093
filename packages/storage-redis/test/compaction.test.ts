import { type OpenedStorage, testMessage } from "@jackalope/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { open } from "./fixture/numbered.ts";
import { RedisServer } from "./fixture/redis-server.ts";
import { TcpProxy } from "./fixture/tcp-proxy.ts";
import { until } from "./fixture/until.ts";

let server: RedisServer;
let clusters = 0;

beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server.discard());

async function memoryOf(key: string): Promise<number> {
  return Number((await server.admin.memory("USAGE", key, "SAMPLES", 0)) ?? 0);
}

/** Lets the engine have turns until it has nothing more to move. */
async function settleDown(store: OpenedStorage, bytes: number): Promise<void> {
  let turn = 0;
  await until("the garbage is gone", async () => {
    await store.commit(store.engine.put("turn", Buffer.from(`${turn++}`)));
    return store.engine.statistics().storedBytes < bytes;
  });
}

test.each([
  { name: "a queue of its own", queueIds: [1], key: "queue:1" },
  { name: "the shared stream", queueIds: [3, 1, 2], key: "queue:0" },
])("few messages that stay in $name do not keep the others", async ({ queueIds, key }) => {
  const options = { address: server.address, cluster: `compaction-${++clusters}`, garbageBytesMax: 100_000 };
  const stream = `jackalope:{${options.cluster}:0}:${key}`;
  const store = await open(options);
  const kept: { lsn: number; queueIds: number[] }[] = [];
  const body = (index: number): string => `${index}`.padEnd(100);
  for (let index = 0; index < 20_000; index++) {
    const lsn = store.engine.append(queueIds, testMessage(body(index)));
    const stays = index % 100 === 0;
    if (stays) kept.push({ lsn, queueIds: queueIds.slice(-1) });
    for (const queueId of stays ? queueIds.slice(0, -1) : queueIds) store.engine.settle(queueId, lsn);
    if (index % 500 === 499) await store.commit(lsn);
  }
  await settleDown(store, 120_000);
  // All of them would take three megabytes.
  expect(await memoryOf(stream)).toBeLessThan(500_000);
  const bodies = async (opened: OpenedStorage): Promise<string[]> =>
    (await opened.engine.read(kept.map(({ lsn }) => lsn))).map((message) => Buffer.from(message.body).toString());
  const expected = kept.map((_, index) => body(index * 100));
  expect(await bodies(store)).toEqual(expected);
  // What was moved is settled as anything else, and comes up in order.
  for (const { lsn } of kept.splice(0, 50)) store.engine.settle(queueIds.at(-1) as number, lsn);
  await store.engine.close();
  const next = await open(options);
  expect(next.messages.map(({ lsn, queueIds: holders }) => ({ lsn, queueIds: holders }))).toEqual(kept);
  expect(await bodies(next)).toEqual(expected.slice(50));
  for (const { lsn } of kept) next.engine.settle(queueIds.at(-1) as number, lsn);
  await next.commit(next.engine.put("turn", null));
  expect(await server.admin.exists(stream, `${stream}:settled`)).toBe(0);
  expect(next.engine.statistics()).toMatchObject({ storedBytes: 0, segments: 0 });
  await next.engine.close();
});

test("a crash while entries are moved loses and doubles nothing", async () => {
  const options = { cluster: `compaction-${++clusters}`, garbageBytesMax: 0 };
  const kept = new Map<number, string>();
  const ends: Promise<unknown>[] = [];
  for (let round = 0; round < 12; round++) {
    const proxy = await TcpProxy.start(server.port);
    const store = await open({ ...options, address: proxy.address, closeTimeoutMs: 1 });
    expect(new Map(store.messages.map(({ lsn }) => [lsn, true]))).toEqual(
      new Map([...kept.keys()].map((lsn) => [lsn, true])),
    );
    for (const message of await store.engine.read([...kept.keys()])) {
      expect(Buffer.from(message.body).toString()).toBe(kept.get(message.lsn));
    }
    let last = 0;
    for (let index = 0; index < 300; index++) {
      const body = `${round} ${index}`.padEnd(100);
      last = store.engine.append([1], testMessage(body));
      if (index % 10 === 0) kept.set(last, body);
    }
    await store.commit(last);
    for (let lsn = last - 299; lsn <= last; lsn++) if (!kept.has(lsn)) store.engine.settle(1, lsn);
    await store.commit(store.engine.put("round", Buffer.from(`${round}`)));
    // Moving has begun; it is cut off somewhere.
    proxy.cutAfter(round * 700);
    for (let turn = 0; turn < round; turn++) await new Promise((resolve) => setImmediate(resolve));
    proxy.refusing = true;
    proxy.cut();
    ends.push(
      store.engine.close().catch(() => undefined),
      proxy.close(),
    );
    await server.admin.del(`jackalope:{${options.cluster}:0}:lease`);
  }
  const store = await open({ ...options, address: server.address });
  expect(store.messages.map(({ lsn }) => lsn)).toEqual([...kept.keys()].toSorted((left, right) => left - right));
  await settleDown(store, 100_000);
  await store.engine.close();
  await Promise.all(ends);
});
