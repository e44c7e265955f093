import type { OpenedStorage } from "@jackalope/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RedisStorageOptions } from "../src/index.ts";
import { appendNumbers, numbers, numbersOf, open } from "./fixture/numbered.ts";
import { RedisServer } from "./fixture/redis-server.ts";
import { tearLastTransaction } from "./fixture/torn-file.ts";

/** As torn-file.test.ts, for what is no message: the next leader's definitions are those that it has found, and its own. */

let server: RedisServer;
let options: RedisStorageOptions;

const prefix = "jackalope:{torn:0}:";
const text = (value: string): Buffer => Buffer.from(value);

beforeEach(async () => {
  server = await RedisServer.start(["--appendonly", "yes", "--appendfsync", "always"]);
  options = { address: server.address, cluster: "torn", closeTimeoutMs: 1 };
});
afterEach(() => server.discard());

/** The leader dies, and Redis, which has lost the last commit but for a part of it; then both are there again. */
async function crash(dying: OpenedStorage, tornAt: string): Promise<OpenedStorage> {
  await server.kill();
  await dying.engine.close();
  await tearLastTransaction(server, (names) => names.lastIndexOf(tornAt));
  await server.run();
  await server.admin.del(`${prefix}lease`);
  return open(options);
}

async function restartRedis(store: OpenedStorage): Promise<void> {
  const before = store.recoveries;
  await server.kill();
  await server.run();
  await store.until(() => store.recoveries > before);
}

function definitionsOf(store: OpenedStorage): Record<string, string> {
  return Object.fromEntries([...store.definitions].map(([name, value]) => [name, value.toString()]));
}

test.each([
  { tornAt: "HSET", where: "in its state" },
  { tornAt: "EXEC", where: "in its end" },
])("definitions of a commit that was torn $where do not come back", async ({ tornAt }) => {
  const first = await open(options);
  for (const name of ["kept", "changed", "removed"]) first.engine.put(name, text("before"));
  await first.commit(appendNumbers(first, [1], 0, 5));
  const lsn = first.engine.atomic(() => {
    first.engine.put("queue lost", text("id 7"));
    first.engine.put("changed", text("lost"));
    first.engine.put("removed", null);
  });
  await first.commit(lsn);
  const second = await crash(first, tornAt);
  const found = { kept: "before", changed: "before", removed: "before" };
  expect(definitionsOf(second)).toEqual(found);
  second.engine.put("queue other", text("id 7"));
  await second.commit(appendNumbers(second, [7], 5, 5));
  await restartRedis(second);
  await second.engine.close();
  const third = await open(options);
  expect(definitionsOf(third)).toEqual({ ...found, "queue other": "id 7" });
  expect(await numbersOf(third, 7)).toEqual(numbers(5, 5));
  await third.engine.close();
});

test("a home without definitions has none afterwards", async () => {
  const first = await open(options);
  await first.commit(appendNumbers(first, [1], 0, 5));
  await first.commit(first.engine.put("lost", text("1")));
  const second = await crash(first, "EXEC");
  expect(definitionsOf(second)).toEqual({});
  await second.commit(appendNumbers(second, [1], 5, 5));
  await restartRedis(second);
  await second.engine.close();
  const third = await open(options);
  expect(definitionsOf(third)).toEqual({});
  await third.engine.close();
});

test("a leader that has written nothing yet goes on when the number of a torn commit comes back", async () => {
  const first = await open(options);
  await first.commit(appendNumbers(first, [1], 0, 5));
  await first.commit(appendNumbers(first, [1], 100, 5));
  const second = await crash(first, "EXEC");
  await restartRedis(second);
  await second.commit(appendNumbers(second, [1], 5, 5));
  expect(second.ownershipLosses).toBe(0);
  await second.engine.close();
  const third = await open(options);
  expect((await numbersOf(third, 1)).filter((number) => number < 100)).toEqual(numbers(0, 10));
  await third.engine.close();
});

test("a stream that a torn commit takes out of the list stays in it", async () => {
  const first = await open(options);
  // More streams than stay in the list without entries: the commit that settles them takes them out.
  const lsns: number[] = [];
  for (let queueId = 1; queueId <= 1100; queueId++) lsns.push(appendNumbers(first, [queueId], queueId, 1));
  await first.commit(lsns.at(-1) as number);
  first.engine.atomic(() => {
    for (const [index, lsn] of lsns.entries()) first.engine.settle(index + 1, lsn);
  });
  await first.commit(first.engine.put("turn", text("1")));
  const second = await crash(first, "EXEC");
  expect(second.messages).toHaveLength(1100);
  await second.commit(appendNumbers(second, [7], 2000, 5));
  await restartRedis(second);
  await second.engine.close();
  const third = await open(options);
  expect((await numbersOf(third, 7)).filter((number) => number >= 2000)).toEqual(numbers(2000, 5));
  await third.engine.close();
});

test.each([
  { size: "small", bytes: 0 },
  { size: "large", bytes: 20_000 },
])("a message that a torn commit has moved to an empty queue is there behind a $size one", async ({ bytes }) => {
  const first = await open(options);
  const lsn = appendNumbers(first, [1], 0, 1);
  await first.commit(lsn);
  const moved = first.engine.atomic(() => {
    appendNumbers(first, [3], 0, 1);
    first.engine.settle(1, lsn);
  });
  await first.commit(moved);
  const second = await crash(first, "EXEC");
  await second.commit(appendNumbers(second, [3], 5, 1, bytes));
  await restartRedis(second);
  await second.engine.close();
  const third = await open(options);
  expect(await numbersOf(third, 1)).toEqual([]);
  expect(await numbersOf(third, 3)).toEqual([0, 5]);
  await third.engine.close();
});
