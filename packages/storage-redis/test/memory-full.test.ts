import { rm } from "node:fs/promises";
import { type OpenedStorage, testMessage } from "@jackalope/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RedisStorageOptions } from "../src/index.ts";
import { appendNumbers, numbers, open, storedNumbers } from "./fixture/numbered.ts";
import { RedisServer } from "./fixture/redis-server.ts";
import { until } from "./fixture/until.ts";

let server: RedisServer;
let options: RedisStorageOptions;

beforeEach(async () => {
  server = await RedisServer.start(["--maxmemory-policy", "noeviction"]);
  options = { address: server.address, cluster: "full", answerTimeoutMs: 2000 };
});
afterEach(() => server.discard());

async function usedBytes(): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await server.admin.info("memory"))?.[1]);
}

/** Leaves Redis so many bytes more than it uses. */
async function leave(bytes: number): Promise<void> {
  await server.admin.config("SET", "maxmemory", `${(await usedBytes()) + bytes}`);
}

/** Fills Redis up. Returns the Lsns of what it took, and of what it did not. */
async function fill(
  store: OpenedStorage,
  queueIds: readonly number[],
): Promise<{ taken: number[]; refused: number[] }> {
  await leave(2_000_000);
  const taken: number[] = [];
  while (store.failures.length === 0) {
    const lsn = store.engine.append(queueIds, testMessage(Buffer.alloc(50_000, 1)));
    taken.push(lsn);
    store.engine.flush();
    await store.until(() => store.engine.durable >= lsn || store.failures.length > 0);
  }
  expect(store.failures[0]?.message).toContain("OOM");
  return { taken, refused: taken.splice(-1) };
}

test("nothing is durable where Redis is out of memory; acknowledgements make room, and it goes on by itself", async () => {
  const store = await open(options);
  const { taken, refused } = await fill(store, [1]);
  const more = store.engine.append([1], testMessage(Buffer.alloc(50_000, 2)));
  const [durable] = [store.engine.durable];
  expect(durable).toBeLessThan(refused[0] as number);
  expect(store.engine.pendingBytes).toBe(100_000);
  for (const lsn of taken.slice(0, -2)) store.engine.settle(1, lsn);
  store.engine.flush();
  await store.until(() => store.engine.durable >= more);
  expect(store.recoveries).toBe(store.failures.length);
  expect(await usedBytes()).toBeLessThan(Number((await server.admin.config("GET", "maxmemory"))[1]));
  await store.engine.close();
  const reopened = await open(options);
  expect(reopened.messages.map(({ lsn }) => lsn)).toEqual([...taken.slice(-2), ...refused, more]);
  await reopened.engine.close();
});

test("more memory is enough, too", async () => {
  const store = await open(options);
  const { taken, refused } = await fill(store, [1]);
  await server.admin.config("SET", "maxmemory", "0");
  await store.until(() => store.engine.durable >= (refused[0] as number));
  await store.engine.close();
  const reopened = await open(options);
  expect(reopened.messages.map(({ lsn }) => lsn)).toEqual([...taken, ...refused]);
  await reopened.engine.close();
});

test("acknowledgements alone are durable without any memory, whole and partial ones", async () => {
  const store = await open(options);
  const first = store.engine.append([1, 2], testMessage("a"));
  const second = store.engine.append([1], testMessage("b"));
  const third = appendNumbers(store, [2], 0, 5);
  await store.commit(third);
  await leave(-100_000);
  await store.commit(store.engine.settle(1, first));
  await store.commit(store.engine.settle(1, second));
  await store.commit(store.engine.settle(2, third));
  await store.commit(store.engine.put("gone", null));
  expect(store.failures).toEqual([]);
  await server.admin.config("SET", "maxmemory", "0");
  await store.engine.close();
  const reopened = await open(options);
  expect(reopened.messages.map(({ lsn, queueIds }) => ({ lsn, queueIds }))).toEqual([
    { lsn: first, queueIds: [2] },
    ...[4, 3, 2, 1].map((back) => ({ lsn: third - back, queueIds: [2] })),
  ]);
  await reopened.engine.close();
});

test("what an atomic group settled is not deleted before the rest of the group is there", async () => {
  const store = await open(options);
  const kept = store.engine.append([1], testMessage("dead-lettered"));
  await store.commit(kept);
  const free = store.engine.append([1], testMessage("acknowledged"));
  await store.commit(free);
  await leave(-100_000);
  const moved = store.engine.atomic(() => {
    store.engine.append([2], testMessage("dead-lettered"));
    store.engine.settle(1, kept);
  });
  store.engine.settle(1, free);
  store.engine.flush();
  await until(
    "what is acknowledged is deleted",
    async () => (await server.admin.xlen("jackalope:{full:0}:queue:1")) === 1,
  );
  expect(store.engine.durable).toBeLessThan(moved);
  const [entry] = await server.admin.xrange("jackalope:{full:0}:queue:1", "-", "+");
  expect(entry?.[0]).toBe(`${kept}-0`);
  await server.admin.config("SET", "maxmemory", "0");
  await store.until(() => store.engine.durable >= moved);
  await store.engine.close();
  const reopened = await open(options);
  expect(reopened.messages.map(({ queueIds }) => queueIds)).toEqual([[2]]);
  await reopened.engine.close();
});

test("what is left of a sparse entry stays where it is until its new place is durable", async () => {
  const first = await open(options);
  const lsns: number[] = [];
  for (let index = 0; index < 100; index++) lsns.push(first.engine.append([1], testMessage(Buffer.alloc(1000))));
  await first.commit(lsns.at(-1) as number);
  for (const lsn of lsns.slice(1)) first.engine.settle(1, lsn);
  const others = [first.engine.append([2], testMessage("a"))];
  await first.commit(others[0] as number);
  others.push(first.engine.append([2], testMessage("b")));
  await first.engine.close();
  const store = await open({ ...options, garbageBytesMax: 0 });
  await leave(-100_000);
  // Redis takes this, and then the engine begins to move.
  await store.commit(store.engine.settle(2, others[0] as number));
  await store.until(() => store.failures.length > 0);
  store.engine.settle(2, others[1] as number);
  await until(
    "what is wholly settled is deleted",
    async () => (await server.admin.xlen("jackalope:{full:0}:queue:2")) === 0,
  );
  expect((await server.admin.xrange("jackalope:{full:0}:queue:1", "-", "+")).map(([id]) => id)).toEqual([
    `${lsns[0]}-0`,
  ]);
  await server.admin.config("SET", "maxmemory", "0");
  await store.until(() => store.engine.pendingBytes === 0 && store.recoveries === store.failures.length);
  const [[id] = [""]] = await server.admin.xrange("jackalope:{full:0}:queue:1", "-", "+");
  expect(id).not.toBe(`${lsns[0]}-0`);
  await store.engine.close();
  const next = await open(options);
  expect(next.messages.map(({ lsn }) => lsn)).toEqual([lsns[0]]);
  expect((await next.engine.read([lsns[0] as number]))[0]?.bodyBytes).toBe(1000);
  await next.engine.close();
});

test("a broker can begin, keep its lease and make room while Redis is out of memory", async () => {
  const store = await open({ ...options, leaseMs: 300, closeTimeoutMs: 100 });
  const { taken } = await fill(store, [1]);
  await expect(store.engine.close()).rejects.toThrow("OOM");
  await leave(-100_000);
  const next = await open({ ...options, leaseMs: 300 });
  expect(next.messages).toHaveLength(taken.length);
  for (let renewals = 0; renewals < 3; renewals++) {
    let before = Number.POSITIVE_INFINITY;
    await until("the lease is renewed", async () => {
      const leftMs = await server.admin.pttl("jackalope:{full:0}:lease");
      expect(leftMs).toBeGreaterThan(0);
      const renewed = leftMs > before;
      before = leftMs;
      return renewed;
    });
  }
  for (const lsn of taken) next.engine.settle(1, lsn);
  await next.commit(next.engine.settle(1, taken[0] as number));
  expect(await server.admin.exists("jackalope:{full:0}:queue:1")).toBe(0);
  await server.admin.config("SET", "maxmemory", "0");
  await next.engine.close();
});

test("what was done before Redis was full is known to be done when the answer was lost", async () => {
  const store = await open(options);
  await store.commit(appendNumbers(store, [1], 0, 3));
  await server.admin.client("PAUSE", 200, "WRITE");
  const lsn = appendNumbers(store, [1], 3, 3);
  store.engine.flush();
  // The commit waits in Redis; the connection is gone when it is done.
  await server.admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  await server.admin.client("UNPAUSE");
  await store.until(() => store.engine.durable >= lsn);
  await leave(-100_000);
  await server.admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  await store.until(() => store.recoveries === 2);
  await server.admin.config("SET", "maxmemory", "0");
  await store.engine.close();
  expect(await storedNumbers(options, 1)).toEqual(numbers(0, 6));
});

test("MISCONF, where Redis cannot save, holds everything back until it can", async () => {
  const store = await open(options);
  await store.commit(appendNumbers(store, [1], 0, 3));
  await server.admin.config("SET", "save", "3600 1000000");
  await rm(server.directory, { recursive: true });
  await server.admin.bgsave();
  await until("the snapshot fails", async () => (await server.admin.info()).includes("rdb_last_bgsave_status:err"));
  const lsn = appendNumbers(store, [1], 3, 3);
  store.engine.flush();
  await store.until(() => store.failures.length > 0);
  expect(store.failures[0]?.message).toContain("MISCONF");
  expect(store.engine.durable).toBeLessThan(lsn);
  await server.admin.config("SET", "stop-writes-on-bgsave-error", "no");
  await store.until(() => store.engine.durable >= lsn);
  await store.engine.close();
  expect(await storedNumbers(options, 1)).toEqual(numbers(0, 6));
});

test("a lease that ran out is renewed where Redis is out of memory: only who leads makes room", async () => {
  const store = await open({ ...options, leaseMs: 600 });
  const { taken } = await fill(store, [1]);
  await server.admin.del("jackalope:{full:0}:lease");
  const before = store.ownedEnd;
  await store.until(() => store.ownedEnd !== before);
  expect(await server.admin.exists("jackalope:{full:0}:lease")).toBe(1);
  for (const lsn of taken) store.engine.settle(1, lsn);
  store.engine.flush();
  await store.until(() => store.recoveries > 0);
  await store.engine.close();
});
