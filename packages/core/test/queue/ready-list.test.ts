import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Limits } from "../../src/limits.ts";
import { KeepingSpillArea } from "../fixture/keeping-spill-area.ts";
import { Disk, KeepingStorage } from "../fixture/keeping-storage.ts";
import { TestBroker, type TestChannel, until } from "../fixture/test-broker.ts";

const tiny: Partial<Limits> = { queueWindowMessagesMax: 4, queueWindowBytesMax: 4000, pageMessagesMax: 3 };

interface Held {
  readonly id: number;
  readonly priority: number;
  readonly tag: number;
}

/** Ready messages as they should be: highest priority first, then in the order of publishing. */
class Model {
  readonly ready: { id: number; priority: number }[] = [];

  put(id: number, priority: number): void {
    this.ready.push({ id, priority });
    this.ready.sort((left, right) => right.priority - left.priority || left.id - right.id);
  }
}

async function fetch(channel: TestChannel): Promise<Held | null> {
  const got = await channel.channel.get("q", false);
  if (got === null) return null;
  const [id = "", priority = ""] = Buffer.from(got.message.body).toString().split(" ");
  return { id: Number(id), priority: Number(priority), tag: got.deliveryTag };
}

const step = fc.oneof(
  fc.record({
    do: fc.constant("publish" as const),
    times: fc.integer({ min: 1, max: 12 }),
    persistent: fc.boolean(),
    priority: fc.nat(3),
  }),
  fc.record({ do: fc.constant("get" as const), times: fc.integer({ min: 1, max: 12 }) }),
  fc.record({ do: fc.constant("ack" as const), which: fc.nat(50) }),
  fc.record({ do: fc.constant("requeue" as const), which: fc.nat(50) }),
  fc.record({ do: fc.constant("commit" as const) }),
  fc.record({ do: fc.constant("purge" as const) }),
);

interface Setting {
  /** `x-max-priority`, 0 for none. */
  readonly max: number;
  readonly durable: boolean;
  readonly spills: boolean;
}

async function runSteps(
  steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[],
  { max, durable, spills }: Setting,
): Promise<void> {
  const storage = new KeepingStorage();
  const spillArea = spills ? new KeepingSpillArea() : null;
  const broker = await TestBroker.open({ storage, spillArea, limits: tiny });
  await broker.queue("q", max === 0 ? {} : { "x-max-priority": max }, { durable });
  const channel = broker.channel();
  const model = new Model();
  const held: Held[] = [];
  let published = 0;
  for (const each of steps) {
    if (each.do === "publish") {
      for (let time = 0; time < each.times; time++) {
        const id = ++published;
        const priority = max === 0 ? 0 : Math.min(each.priority, max);
        const deliveryMode = each.persistent ? 2 : 1;
        channel.publish("", "q", `${id} ${priority}`, { deliveryMode, priority: each.priority });
        model.put(id, priority);
      }
    } else if (each.do === "get") {
      for (let time = 0; time < each.times; time++) {
        const expected = model.ready.shift();
        const got = await fetch(channel);
        expect(got?.id).toBe(expected?.id);
        if (got !== null) held.push(got);
      }
    } else if (each.do === "purge") {
      expect(broker.host.queues.get("q")?.purge()).toBe(model.ready.length);
      model.ready.length = 0;
    } else if (each.do === "commit") {
      broker.endTurn();
    } else {
      const [picked] = held.splice(each.which % Math.max(1, held.length), 1);
      if (picked === undefined) continue;
      if (each.do === "ack") channel.channel.ack(picked.tag, false);
      else {
        channel.channel.reject(picked.tag, false, true, "nack");
        model.put(picked.id, picked.priority);
      }
    }
    expect(broker.host.queues.get("q")?.readyCount).toBe(model.ready.length);
  }
  for (const expected of model.ready) expect((await fetch(channel))?.id).toBe(expected.id);
  expect(broker.host.queues.get("q")?.ready.bodyBytes).toBe(0);
  channel.channel.ack(0, true);
  broker.endTurn();
  expect(storage.disk.unsettled).toBe(0);
  expect(spillArea?.held ?? 0).toBe(0);
  expect(broker.broker.messageBytes).toBe(0);
  expect(broker.broker.store.windowBytes).toBe(0);
  await broker.broker.close();
}

describe("ReadyList", () => {
  test.each([
    ["one list", { max: 0, durable: true, spills: false }],
    ["priorities", { max: 2, durable: true, spills: false }],
    ["one list that spills", { max: 0, durable: true, spills: true }],
    ["priorities that spill", { max: 2, durable: true, spills: true }],
    ["a transient list that spills", { max: 0, durable: false, spills: true }],
    ["a transient list that cannot", { max: 0, durable: false, spills: false }],
  ])("%s: keeps the order of a sorted list while it pages, requeues and purges", async (_, setting) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), (steps) => runSteps(steps, setting)),
      { numRuns: 100 },
    );
  });

  test("pages a backlog out and reads it back a page at a time, in order", async () => {
    const storage = new KeepingStorage();
    const broker = await TestBroker.open({ storage, limits: tiny });
    await broker.queue("q");
    const channel = broker.channel();
    for (let id = 1; id <= 100; id++) channel.publish("", "q", `${id}`, { deliveryMode: 2 });
    broker.endTurn();
    expect(storage.reads).toEqual([]);
    const consumer = channel.consume("q", { noAck: true });
    await until(() => channel.sink.seen.length === 100);
    expect(channel.sink.bodies).toEqual(Array.from({ length: 100 }, (_each, index) => `${index + 1}`));
    expect(Math.max(...storage.reads)).toBe(3);
    expect(channel.sink.seen.some((each) => each.redelivered)).toBe(false);
    channel.channel.cancel(consumer.tag);
    broker.endTurn();
    expect(storage.disk.unsettled).toBe(0);
  });

  test("many queues whose consumers take one message each do not read a page each: the bound of all windows counts", async () => {
    const limits = { windowBytesMax: 64_000, queueWindowBytesMax: 64_000, queueWindowBytesMin: 1000 };
    const broker = await TestBroker.open({ storage: new KeepingStorage(), limits });
    const channel = broker.channel();
    const queues = Array.from({ length: 100 }, (_, index) => `q${index}`);
    for (const queue of queues) {
      await broker.queue(queue);
      for (let id = 0; id < 100; id++) channel.publish("", queue, "x".repeat(400), { deliveryMode: 2 });
    }
    broker.endTurn();
    for (const queue of queues) {
      await channel.channel.get(queue, false);
      await channel.channel.get(queue, false);
    }
    expect(broker.broker.store.windowBytes).toBeLessThan(64_000 + 100 * 2000);
    const drained = broker.channel();
    for (const queue of queues) drained.consume(queue, { noAck: true });
    await until(() => drained.sink.seen.length === 100 * 98);
    expect(broker.broker.store.windowBytes).toBe(0);
  });

  test("tries a failed read again until the store answers", async () => {
    const storage = new KeepingStorage();
    const broker = await TestBroker.open({ storage, limits: tiny });
    await broker.queue("q");
    const channel = broker.channel();
    for (let id = 1; id <= 8; id++) channel.publish("", "q", `${id}`, { deliveryMode: 2 });
    storage.readFailure = new Error("EIO");
    channel.consume("q", { noAck: true });
    await until(() => broker.logged.includes("cannot read messages back, trying again"));
    expect(channel.sink.bodies).toEqual(["1", "2", "3", "4"]);
    broker.clock.advance(1000);
    await until(() => channel.sink.seen.length === 8);
    expect(channel.sink.bodies).toEqual(["1", "2", "3", "4", "5", "6", "7", "8"]);
  });

  test("a fetch that waits for a page is answered when the queue is purged or deleted meanwhile", async () => {
    const disk = new Disk();
    const first = await TestBroker.open({ storage: new KeepingStorage(disk) });
    for (const name of ["purged", "deleted"]) {
      await first.queue(name);
      first.channel().publish("", name, "m", { deliveryMode: 2 });
    }
    first.endTurn();
    const second = await TestBroker.open({ storage: new KeepingStorage(disk) });
    const fetches = ["purged", "deleted"].map((name) => second.channel().channel.get(name, false));
    for (const each of fetches) expect(each).toBeInstanceOf(Promise);
    void second.client.purgeQueue("purged");
    void second.client.deleteQueue("deleted", false, false);
    for (const each of fetches) expect(await each).toBeNull();
  });

  test("restored queues stay out of memory until somebody asks for their messages", async () => {
    const disk = new Disk();
    const first = await TestBroker.open({ storage: new KeepingStorage(disk) });
    await first.queue("plain");
    await first.queue("ttl", { "x-message-ttl": 60_000 });
    for (const name of ["plain", "ttl"]) first.channel().publish("", name, "m", { deliveryMode: 2 });
    first.endTurn();
    const storage = new KeepingStorage(disk);
    const second = await TestBroker.open({ storage });
    expect(storage.reads).toEqual([]);
    second.clock.advance(60_000);
    await until(() => second.host.queues.get("ttl")?.readyCount === 0);
    expect(second.host.queues.get("plain")?.readyCount).toBe(1);
    expect(storage.reads).toEqual([1]);
  });
});
