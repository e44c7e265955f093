import { describe, expect, test } from "vitest";
import { HurriedClock } from "./fixture/hurried-clock.ts";
import { Disk, KeepingStorage } from "./fixture/keeping-storage.ts";
import { TestBroker } from "./fixture/test-broker.ts";

const count = 2000;

async function openBroker(disk: Disk = new Disk()): Promise<{ broker: TestBroker; storage: KeepingStorage }> {
  const storage = new KeepingStorage(disk);
  const broker = await TestBroker.open({ clock: new HurriedClock(), storage });
  return { broker, storage };
}

/** Ends turns until `work` has ended. */
async function finish<T>(broker: TestBroker, work: Promise<T>): Promise<T> {
  let over = false;
  const ended = (): void => void (over = true);
  work.then(ended, ended);
  for (let turns = 0; !over; turns++) {
    expect(turns).toBeLessThan(1000);
    broker.endTurn();
    await Promise.resolve();
  }
  return work;
}

const keysOf = (disk: Disk, kind: string): string[] =>
  [...disk.definitions.keys()].filter((key) => (JSON.parse(key) as string[])[0] === kind);

describe("a queue with very many bindings and messages", () => {
  test("is gone at once, takes nothing more, and its name is free when the last of it is out", async () => {
    const { broker, storage } = await openBroker();
    await broker.exchange("x", "direct");
    await broker.queue("q");
    await broker.queue("other");
    for (let index = 0; index < count; index++) await broker.bind("x", "q", `key ${index}`);
    await broker.bind("x", "other", `key ${count - 1}`);
    for (let index = 0; index < count; index++) broker.channel().publish("", "q", "m", { deliveryMode: 2 });
    broker.endTurn();
    const bindings = broker.host.exchanges.get("x")?.bindings;
    const deleting = broker.client.deleteQueue("q", false, false);
    expect(broker.host.queues.has("q")).toBe(false);
    expect(bindings?.size).toBeGreaterThan(1);
    // The last binding still stands in its exchange.
    broker.channel().publish("x", `key ${count - 1}`, "to other", { deliveryMode: 2 });
    const declaring = broker.queue("q");
    for (let turns = 0; turns < 3; turns++) broker.endTurn();
    expect(broker.host.queues.has("q")).toBe(false);
    expect(await finish(broker, deleting)).toBe(count);
    const queue = await finish(broker, declaring);
    await broker.bind("x", "q", "key 5");
    broker.endTurn();
    expect([queue.readyCount, queue.incoming.size, bindings?.size]).toEqual([0, 1, 2]);
    expect(broker.channel().drain("other")).toEqual(["to other"]);
    broker.endTurn();
    expect(storage.disk.unsettled).toBe(0);
    expect(keysOf(storage.disk, "binding")).toHaveLength(2);
  });

  test("stays gone after a crash in between, and nothing of it is left behind the start", async () => {
    const { broker, storage } = await openBroker();
    await broker.exchange("x", "direct");
    await broker.queue("q");
    for (let index = 0; index < count; index++) await broker.bind("x", "q", `key ${index}`);
    for (let index = 0; index < 100; index++) broker.channel().publish("", "q", "m", { deliveryMode: 2 });
    broker.endTurn();
    void broker.client.deleteQueue("q", false, false);
    broker.endTurn();
    expect(keysOf(storage.disk, "binding").length).toBeGreaterThan(0);
    const { broker: after, storage: next } = await openBroker(storage.disk);
    after.endTurn();
    expect(after.host.queues.has("q")).toBe(false);
    expect([keysOf(next.disk, "binding"), next.disk.unsettled]).toEqual([[], 0]);
  });
});

test("an exchange with very many bindings, and a long chain of auto-delete exchanges, go turn by turn", async () => {
  const { broker, storage } = await openBroker();
  const spec = { type: "direct", durable: true, autoDelete: true, internal: false, arguments: [] };
  for (let index = 0; index < count; index++) await broker.client.declareExchange(`chain${index}`, spec);
  for (let index = 1; index < count; index++) await broker.bindExchange(`chain${index - 1}`, `chain${index}`);
  await broker.queue("q");
  for (let index = 0; index < count; index++) await broker.bind(`chain${count - 1}`, "q", `key ${index}`);
  broker.endTurn();
  const before = broker.host.exchanges.size;
  await finish(broker, broker.client.deleteExchange(`chain${count - 1}`, false));
  broker.endTurn();
  expect(broker.host.exchanges.size).toBe(before - count);
  expect(broker.host.queues.get("q")?.incoming.size).toBe(0);
  expect([keysOf(storage.disk, "binding"), keysOf(storage.disk, "exchange")]).toEqual([[], []]);
});

test("a purge of very many takes what was ready when it was asked for, and nothing that comes meanwhile", async () => {
  const { broker, storage } = await openBroker();
  await broker.queue("q");
  for (let index = 0; index < count; index++) broker.channel().publish("", "q", "old", { deliveryMode: 2 });
  broker.endTurn();
  const purging = broker.client.purgeQueue("q");
  broker.channel().publish("", "q", "new", { deliveryMode: 2 });
  expect(broker.broker.turn.longActs).toBe(1);
  expect(await finish(broker, purging)).toBe(count);
  broker.endTurn();
  expect(storage.disk.unsettled).toBe(1);
  expect(broker.channel().drain("q")).toEqual(["new"]);
  expect(broker.broker.messageBytes).toBe(0);
});
