import type { OpenedStorage } from "@jackalope/testkit";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { LeaseLostError, openRedisStorage, type RedisStorageOptions, StoreClosedError } from "../src/index.ts";
import { scripts } from "../src/scripts.ts";
import { deafListener, deafVisitor } from "./fixture/deaf.ts";
import { LeaseChild } from "./fixture/lease-child.ts";
import { appendNumbers, numbers, numbersOf, open } from "./fixture/numbered.ts";
import { RedisServer } from "./fixture/redis-server.ts";
import { TcpProxy } from "./fixture/tcp-proxy.ts";
import { until } from "./fixture/until.ts";

let server: RedisServer;
let clusters = 0;
const children: LeaseChild[] = [];

beforeAll(async () => {
  server = await RedisServer.start();
});
afterEach(async () => {
  for (const child of children.splice(0)) await child.kill();
});
afterAll(() => server.discard());

function startChild(cluster: string, leaseMs: number, size: "small" | "large" = "small"): LeaseChild {
  const child = new LeaseChild(server.address, cluster, leaseMs, size);
  children.push(child);
  return child;
}

/** Opens a store that has to wait for its lease. */
async function openStandby(options: RedisStorageOptions): Promise<Promise<OpenedStorage>[]> {
  let standing = false;
  const opening = open({ ...options, onStandby: () => (standing = true) });
  await until("it is a standby", () => standing);
  return [opening];
}

/** Everything in Redis that belongs to a cluster name, as bytes; time limits left out. */
async function everything(cluster: string): Promise<Record<string, string>> {
  const keys = (await server.admin.keys(`jackalope:{${cluster}:*`)).sort();
  const dumps = await Promise.all(keys.map((key) => server.admin.dumpBuffer(key)));
  return Object.fromEntries(keys.map((key, index) => [key, (dumps[index] as Buffer).toString("hex")]));
}

test("a second broker waits, and leads at once when the first closes", async () => {
  const options = { address: server.address, cluster: `lease-${++clusters}`, leaseMs: 60_000 };
  const first = await open(options);
  appendNumbers(first, [1], 0, 5);
  const [opening] = await openStandby(options);
  await first.engine.close();
  const closed = Date.now();
  const second = (await opening) as OpenedStorage;
  expect(Date.now() - closed).toBeLessThan(1000);
  expect(await numbersOf(second, 1)).toEqual(numbers(0, 5));
  await second.engine.close();
});

test("a second broker leads when the lease of one that was killed ends", async () => {
  const options = { address: server.address, cluster: `lease-${++clusters}`, leaseMs: 1000 };
  const child = startChild(options.cluster, options.leaseMs);
  await child.printed("wrote", 20);
  const [opening] = await openStandby(options);
  await child.kill();
  const killed = Date.now();
  const second = (await opening) as OpenedStorage;
  expect(Date.now() - killed).toBeLessThan(options.leaseMs + 1500);
  const durable = Math.max(
    ...child.lines.filter((line) => line.startsWith("durable")).map((line) => Number(line.slice(8))),
  );
  expect(second.engine.durable).toBeGreaterThanOrEqual(durable);
  await second.commit(appendNumbers(second, [1], 0, 5));
  await second.engine.close();
});

test.each([
  { size: "small", other: "writes" },
  { size: "large", other: "writes" },
  { size: "small", other: "is idle" },
  { size: "large", other: "is idle" },
] as const)(
  "a leader of $size messages that was stopped writes nothing where another $other",
  async ({ size, other }) => {
    const options = { address: server.address, cluster: `lease-${++clusters}`, leaseMs: 500 };
    const child = startChild(options.cluster, options.leaseMs, size);
    await child.printed("wrote", 20);
    const [opening] = await openStandby(options);
    child.signal("SIGSTOP");
    const second = (await opening) as OpenedStorage;
    if (other === "writes") {
      const mine = appendNumbers(second, [1], 0, 5);
      second.engine.put("mine", Buffer.from("1"));
      await second.commit(second.engine.settle(1, mine));
    }
    const before = await everything(options.cluster);
    expect(Object.keys(before)).toContain(`jackalope:{${options.cluster}:0}:queue:1`);
    const wroteBefore = child.lines.filter((line) => line === "wrote").length;
    child.signal("SIGCONT");
    await child.printed("lost");
    await child.printed("wrote", wroteBefore + 50);
    expect(await everything(options.cluster)).toEqual(before);
    // The one that leads notices nothing.
    await second.commit(appendNumbers(second, [1], 5, 5));
    expect(second.failures).toEqual([]);
    await second.engine.close();
    expect(child.lines.filter((line) => line === "lost")).toHaveLength(1);
  },
);

test("a leader that is cut off keeps its lease where nobody takes it, whatever time has passed", async () => {
  const proxy = await TcpProxy.start(server.port);
  const options = { address: proxy.address, cluster: `lease-${++clusters}`, leaseMs: 200 };
  const store = await open(options);
  await store.commit(appendNumbers(store, [1], 0, 5));
  proxy.refusing = true;
  proxy.cut();
  const lease = `jackalope:{${options.cluster}:0}:lease`;
  await until("the lease has run out", async () => (await server.admin.exists(lease)) === 0);
  const lsn = appendNumbers(store, [1], 5, 5);
  proxy.refusing = false;
  await store.commit(lsn);
  await until("the lease is there again", async () => (await server.admin.exists(lease)) === 1);
  await store.engine.close();
  await proxy.close();
});

test("the broker is told how long the store is its own, from the question on, and again with every renewal", async () => {
  const proxy = await TcpProxy.start(server.port);
  const options = { address: proxy.address, cluster: `lease-${++clusters}`, leaseMs: 400 };
  const store = await open(options);
  const first = store.ownedEnd;
  expect([first?.lengthMs, first?.passed]).toEqual([400, false]);
  expect(first?.remainingMs).toBeLessThanOrEqual(400);
  await store.until(() => store.ownedEnd !== first);
  expect(store.ownedEnd?.remainingMs).toBeGreaterThan(first?.remainingMs as number);
  proxy.refusing = true;
  proxy.cut();
  await until("the time is over", () => store.ownedEnd?.passed === true);
  expect(store.ownershipLosses).toBe(0);
  proxy.refusing = false;
  await store.until(() => store.ownedEnd?.passed === false);
  await store.engine.close();
  await proxy.close();
});

test("a leader that is cut off finds out when it writes that another has taken over", async () => {
  const proxy = await TcpProxy.start(server.port);
  const lost: LeaseLostError[] = [];
  const options = { address: proxy.address, cluster: `lease-${++clusters}`, leaseMs: 300 };
  const store = await open({ ...options, onLeaseLost: (error) => lost.push(error) });
  await store.commit(appendNumbers(store, [1], 0, 5));
  proxy.refusing = true;
  proxy.cut();
  appendNumbers(store, [1], 100, 5);
  store.engine.flush();
  const second = await open({ ...options, address: server.address });
  proxy.refusing = false;
  await until("it is told", () => lost.length > 0);
  expect(store.failures.at(-1)).toBeInstanceOf(LeaseLostError);
  await expect(store.engine.close()).rejects.toBeInstanceOf(LeaseLostError);
  await second.commit(appendNumbers(second, [1], 5, 5));
  await second.engine.close();
  const third = await open({ ...options, address: server.address });
  expect(await numbersOf(third, 1)).toEqual(numbers(0, 10));
  await third.engine.close();
  await proxy.close();
  expect([lost.length, store.ownershipLosses]).toEqual([1, 1]);
});

test("the answer to the question for the lease may get lost", async () => {
  const proxy = await TcpProxy.start(server.port);
  const options = { address: proxy.address, cluster: `lease-${++clusters}`, leaseMs: 60_000 };
  const engine = openRedisStorage(options);
  const lease = `jackalope:{${options.cluster}:0}:lease`;
  proxy.holdAnswersTo(scripts.acquire.sha);
  const recovering = engine.recover(deafListener, deafVisitor);
  await until("the lease is taken", async () => (await server.admin.exists(lease)) === 1);
  proxy.cut();
  proxy.release();
  await recovering;
  await engine.close();
  expect(await server.admin.exists(lease)).toBe(0);
  await proxy.close();
});

test("closing ends the waiting for the lease", async () => {
  const options = { address: server.address, cluster: `lease-${++clusters}` };
  const first = await open(options);
  let standing = false;
  const engine = openRedisStorage({ ...options, onStandby: () => (standing = true) });
  const recovering = engine.recover(deafListener, deafVisitor);
  const refused = expect(recovering).rejects.toBeInstanceOf(StoreClosedError);
  await until("it is a standby", () => standing);
  await engine.close();
  await refused;
  await first.engine.close();
});

test("closing ends the waiting for Redis, and is quick while Redis is away or hangs", async () => {
  const own = await RedisServer.start();
  const options = { address: own.address, answerTimeoutMs: 600, closeTimeoutMs: 200 };
  const store = await open(options);
  await store.commit(appendNumbers(store, [1], 0, 5));
  own.signal("SIGSTOP");
  appendNumbers(store, [1], 5, 5);
  const started = Date.now();
  await expect(store.engine.close()).rejects.toThrow("Redis has not answered");
  expect(Date.now() - started).toBeLessThan(2000);
  own.signal("SIGCONT");
  await own.kill();
  const engine = openRedisStorage(options);
  const recovering = engine.recover(deafListener, deafVisitor);
  const refused = expect(recovering).rejects.toBeInstanceOf(StoreClosedError);
  await engine.close();
  await refused;
  await own.discard();
});
