import type { OpenedStorage } from "@jackalope/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RedisStorageOptions } from "../src/index.ts";
import { appendNumbers, numbers, numbersOf, open } from "./fixture/numbered.ts";
import { RedisServer } from "./fixture/redis-server.ts";
import { lastTransaction, tear, tearLastTransaction } from "./fixture/torn-file.ts";

/**
 * Redis cuts an append-only file that ends within a transaction behind the last whole command, not before MULTI. What is
 * left is not done at that start, but at the next one, and then before everything that was written in between.
 */

let server: RedisServer;
let options: RedisStorageOptions;

beforeEach(async () => {
  server = await RedisServer.start(["--appendonly", "yes", "--appendfsync", "always"]);
  options = { address: server.address, cluster: "torn", closeTimeoutMs: 1 };
});
afterEach(() => server.discard());

/** A broker that has written ten messages and dies, and whose last commit Redis has lost but for the start of it. */
async function crash(write: (store: OpenedStorage) => number, tornAt: (names: readonly string[]) => number) {
  const store = await open(options);
  const first = appendNumbers(store, [1], 0, 5);
  await store.commit(first);
  await store.commit(appendNumbers(store, [1], 5, 5));
  const { durable } = store.engine;
  const lost = write(store);
  await store.commit(lost);
  await server.kill();
  await store.engine.close();
  await tearLastTransaction(server, tornAt);
  await server.run();
  await server.admin.del("jackalope:{torn:0}:lease");
  return { durable };
}

const at =
  (name: string) =>
  (names: readonly string[]): number =>
    names.indexOf(name);
const atLast =
  (name: string) =>
  (names: readonly string[]): number =>
    names.lastIndexOf(name);

test.each([
  { lost: "small", bytes: 0, where: "in its state", tornAt: at("HSET") },
  { lost: "small", bytes: 0, where: "in its end", tornAt: at("EXEC") },
  { lost: "large", bytes: 20_000, where: "in its first entry", tornAt: at("XADD") },
  { lost: "large", bytes: 20_000, where: "in its last entry", tornAt: atLast("XADD") },
  { lost: "large", bytes: 20_000, where: "when it puts the name back", tornAt: atLast("RENAME") },
  { lost: "large", bytes: 20_000, where: "in its state", tornAt: at("HSET") },
  { lost: "large", bytes: 20_000, where: "in its end", tornAt: at("EXEC") },
])("a $lost commit that was torn $where takes nothing that came after it along", async ({ bytes, tornAt }) => {
  const { durable } = await crash((store) => appendNumbers(store, [1], 100, 10, bytes), tornAt);
  const second = await open(options);
  expect(second.messages.map(({ lsn }) => lsn)).toEqual(numbers(1, 10));
  expect(second.engine.durable).toBeGreaterThan(durable);
  // Both ways for entries, with acknowledgements of a whole entry and of a part of one.
  const small = appendNumbers(second, [1], 10, 5);
  await second.commit(small);
  const large = appendNumbers(second, [1], 15, 5, 20_000);
  await second.commit(large);
  for (const lsn of [1, 2, 3, 4, 5, 6]) second.engine.settle(1, lsn);
  await second.commit(appendNumbers(second, [2], 0, 3));
  // The broker that lives through it finds everything.
  const confirmed = [...numbers(7, 4), ...numbers(small - 4, 5), ...numbers(large - 4, 5)];
  await server.kill();
  await server.run();
  await second.commit(appendNumbers(second, [1], 20, 1));
  expect((await second.engine.read(confirmed)).map((message) => Number(Buffer.from(message.body)))).toEqual(
    numbers(6, 14),
  );
  await second.engine.close();
  const third = await open(options);
  // What was lost may come back: nobody had confirmed it, and nobody had been told that it is gone.
  expect((await numbersOf(third, 1)).filter((number) => number < 100)).toEqual(numbers(6, 15));
  expect(await numbersOf(third, 2)).toEqual(numbers(0, 3));
  expect(await server.admin.keys("*:gate")).toEqual([]);
  await third.engine.close();
});

test.each([
  { where: "in its entry", tornAt: at("XADD") },
  { where: "in its end", tornAt: at("EXEC") },
])(
  "a commit with a queue's first message that was torn $where does not keep others from coming",
  async ({ tornAt }) => {
    await crash((store) => appendNumbers(store, [9], 100, 1, 20_000), tornAt);
    const second = await open(options);
    await second.commit(appendNumbers(second, [9], 0, 5));
    await second.commit(appendNumbers(second, [9], 5, 5, 20_000));
    await server.kill();
    await server.run();
    await second.commit(appendNumbers(second, [9], 10, 5));
    await second.engine.close();
    const third = await open(options);
    expect((await numbersOf(third, 9)).filter((number) => number < 100)).toEqual(numbers(0, 15));
    await third.engine.close();
  },
);

test("a broker that goes on writes what was torn again, and it comes once", async () => {
  const store = await open(options);
  await store.commit(appendNumbers(store, [1], 0, 5));
  for (const [round, bytes] of [0, 20_000, 20_000, 0].entries()) {
    await store.commit(appendNumbers(store, [1], 5 + round * 5, 5, bytes));
    await server.kill();
    const transaction = await lastTransaction(server);
    const torn = transaction.findLast(({ name }) => name === "XADD");
    if (torn === undefined) throw new Error("it has no entry");
    await tear(server, round % 2 === 0 ? torn : (transaction.at(-1) ?? torn));
    await server.run();
    await store.until(() => store.recoveries === round * 2 + 1);
    await server.kill();
    await server.run();
    await store.until(() => store.recoveries === round * 2 + 2);
  }
  await store.engine.close();
  const next = await open(options);
  expect(await numbersOf(next, 1)).toEqual(numbers(0, 25));
  await next.engine.close();
});
