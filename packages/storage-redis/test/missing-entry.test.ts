import type { OpenedStorage } from "@jackalope/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { LeaseLostError, RedisStorageOptions } from "../src/index.ts";
import { appendNumbers, numbers, numbersOf, open, storedNumbers } from "./fixture/numbered.ts";
import { Recorder } from "./fixture/recorder.ts";
import { RedisServer } from "./fixture/redis-server.ts";
import { TcpProxy } from "./fixture/tcp-proxy.ts";
import { tearLastTransaction } from "./fixture/torn-file.ts";
import { until } from "./fixture/until.ts";

/** What a broker believes to be stored is not there: it leaves, and the next one begins with what is. */

let server: RedisServer;
let options: RedisStorageOptions;
let log: Recorder;
let lost: LeaseLostError[];

const prefix = "jackalope:{missing:0}:";
const stream = `${prefix}queue:1`;

beforeEach(async () => {
  const settings = ["--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-sync-delay", "0"];
  server = await RedisServer.start(settings);
  log = new Recorder();
  lost = [];
  const onLeaseLost = (error: LeaseLostError): void => void lost.push(error);
  options = { address: server.address, cluster: "missing", closeTimeoutMs: 1, logger: log, onLeaseLost };
});
afterEach(() => server.discard());

/** Messages with the numbers 0 to 14, in three entries of a stream. Returns the Lsn of the first one of each. */
async function appendThreeEntries(store: OpenedStorage): Promise<readonly [number, number, number]> {
  const last: number[] = [];
  for (const from of [0, 5, 10]) {
    last.push(appendNumbers(store, [1], from, 5));
    await store.commit(last.at(-1) as number);
  }
  return last.map((lsn) => lsn - 4) as [number, number, number];
}

async function expectToLeave(store: OpenedStorage, reason: string): Promise<void> {
  await until("it leaves", () => lost.length > 0);
  expect(lost).toHaveLength(1);
  expect(lost[0]?.message).toContain(reason);
  expect(log.lines.filter((line) => line.includes("leads no more"))).toEqual([expect.stringContaining(reason)]);
  expect(store.ownershipLosses).toBe(1);
  const { durable } = store.engine;
  appendNumbers(store, [1], 100, 1);
  await expect(store.engine.close()).rejects.toThrow(reason);
  expect(store.engine.durable).toBe(durable);
}

test.each([
  { how: "an entry was deleted by hand", remove: (id: string) => server.admin.xdel(stream, id), left: [0, 10] },
  { how: "a stream was deleted by hand", remove: () => server.admin.del(stream), left: [] },
])("where $how the broker leaves, and the next one begins with the rest", async ({ remove, left }) => {
  const store = await open(options);
  const [first, second] = await appendThreeEntries(store);
  expect(await store.engine.read([first, second])).toHaveLength(2);
  await remove(`${second}-0`);
  await expect(store.engine.read([second])).rejects.toThrow(`message ${second} is not stored`);
  await expectToLeave(store, `${stream} has no entry ${second}-0`);
  expect(await storedNumbers(options, 1)).toEqual(left.flatMap((from) => numbers(from, 5)));
});

test("messages that a torn commit has settled are missed, and the rest is there", async () => {
  const dying = await open(options);
  const [, second] = await appendThreeEntries(dying);
  dying.engine.atomic(() => {
    for (const lsn of numbers(second, 5)) dying.engine.settle(1, lsn);
  });
  await dying.commit(dying.engine.put("turn", Buffer.from("1")));
  await server.kill();
  await dying.engine.close();
  await tearLastTransaction(server, (names) => names.indexOf("EXEC"));
  await server.run();
  await server.admin.del(`${prefix}lease`);
  const store = await open(options);
  expect(await numbersOf(store, 1)).toEqual(numbers(0, 15));
  await server.kill();
  await server.run();
  await store.until(() => store.recoveries > 0);
  expect(lost).toEqual([]);
  await expect(store.engine.read([second])).rejects.toThrow("is not stored");
  await expectToLeave(store, `has no entry ${second}-0`);
  expect(await storedNumbers(options, 1)).toEqual([...numbers(0, 5), ...numbers(10, 5)]);
});

test("what is settled while it is read is not missed", async () => {
  const store = await open(options);
  const lsns: number[] = [];
  for (const number of numbers(0, 200)) {
    lsns.push(appendNumbers(store, [1], number, 1));
    await store.commit(lsns.at(-1) as number);
  }
  const reads: Promise<unknown>[] = [];
  for (const lsn of lsns) {
    reads.push(store.engine.read([lsn]));
    store.engine.settle(1, lsn);
    store.engine.flush();
    if (lsn % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(reads);
  // A message is asked for that has been settled: nobody has lost it.
  await expect(store.engine.read([lsns[0] as number])).rejects.toThrow("is not stored");
  await store.commit(store.engine.put("turn", Buffer.from("1")));
  await store.engine.close();
  expect(lost).toEqual([]);
});

test("messages that are written again after a fail-over are not missed meanwhile", async () => {
  const link = await TcpProxy.start(server.port);
  const replica = await RedisServer.start(["--replicaof", `127.0.0.1 ${link.port}`]);
  await until("the replica is in step", async () => (await replica.admin.info()).includes("master_link_status:up"));
  const proxy = await TcpProxy.start(server.port);
  const store = await open({ ...options, address: proxy.address });
  await store.commit(appendNumbers(store, [1], 0, 5));
  await server.replicated();
  link.holdAnswers();
  // More than are written again at once.
  for (let from = 5; from < 105; from += 5) await store.commit(appendNumbers(store, [1], from, 5));
  const last = store.engine.durable;
  await server.kill();
  link.cut();
  await replica.admin.replicaof("NO", "ONE");
  proxy.target = replica.port;
  const refusals: string[] = [];
  while (store.recoveries === 0) {
    store.engine.read([last]).catch((error: Error) => refusals.push(error.message));
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(refusals).toContain(`message ${last} is not stored`);
  expect(await store.engine.read([last])).toHaveLength(1);
  await store.commit(appendNumbers(store, [1], 105, 5));
  await store.engine.close();
  expect(lost).toEqual([]);
  expect(await storedNumbers({ ...options, address: replica.address }, 1)).toEqual(numbers(0, 110));
  for (const each of [proxy, link]) await each.close();
  await replica.discard();
});
