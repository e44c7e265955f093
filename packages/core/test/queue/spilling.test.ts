import { describe, expect, test } from "vitest";
import type { Limits } from "../../src/limits.ts";
import { PublisherThrottle } from "../../src/publisher-throttle.ts";
import { KeepingSpillArea } from "../fixture/keeping-spill-area.ts";
import { KeepingStorage } from "../fixture/keeping-storage.ts";
import { TestBroker, type TestChannel, until } from "../fixture/test-broker.ts";
import { entryBytes } from "../../src/queue/queue-entry.ts";

const tiny: Partial<Limits> = { queueWindowMessagesMax: 4, queueWindowBytesMax: 4000, pageMessagesMax: 3 };

async function open(limits: Partial<Limits> = tiny): Promise<{ broker: TestBroker; area: KeepingSpillArea }> {
  const area = new KeepingSpillArea();
  return { broker: await TestBroker.open({ storage: new KeepingStorage(), spillArea: area, limits }), area };
}

/** Bodies of everything ready, read back where it has to be. */
async function drain(channel: TestChannel, queue: string): Promise<string[]> {
  const bodies: string[] = [];
  for (;;) {
    const got = await channel.channel.get(queue, true);
    if (got === null) return bodies;
    bodies.push(Buffer.from(got.message.body).toString());
  }
}

const names = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `${from + index}`);

describe("A backlog of messages that no engine keeps", () => {
  test.each([
    ["transient messages of a durable queue", { durable: true }, 1],
    ["persistent messages of a transient queue", { durable: false }, 2],
    ["persistent messages of an exclusive queue", { exclusive: true }, 2],
  ])("%s are spilled behind the window and come back in order, not redelivered", async (_, spec, deliveryMode) => {
    const { broker, area } = await open();
    await broker.queue("q", {}, spec);
    const channel = broker.channel();
    for (const name of names(1, 20)) channel.publish("", "q", name, { deliveryMode });
    expect(area.held).toBe(16);
    expect(broker.broker.messageBytes).toBeLessThan(20 * 60);
    channel.consume("q", { noAck: true });
    await until(() => channel.sink.seen.length === 20);
    expect(channel.sink.bodies).toEqual(names(1, 20));
    expect(channel.sink.seen.some((each) => each.redelivered)).toBe(false);
    expect(area.held).toBe(0);
  });

  test("a message of many queues is spilled once, and held until the last is done with it", async () => {
    const { broker, area } = await open();
    await broker.exchange("all", "fanout");
    for (const name of ["a", "b", "c"]) {
      await broker.queue(name, {}, { durable: false });
      await broker.bind("all", name);
    }
    const channel = broker.channel();
    for (const name of names(1, 10)) channel.publish("all", "", name);
    expect(area.held).toBe(6);
    expect(await drain(channel, "a")).toEqual(names(1, 10));
    await broker.client.purgeQueue("b");
    expect(area.held).toBe(6);
    expect(await drain(channel, "c")).toEqual(names(1, 10));
    expect(area.held).toBe(0);
  });

  test("what is unacknowledged stays in memory, and goes back to its place when it is returned", async () => {
    const { broker, area } = await open();
    await broker.queue("q");
    const channel = broker.channel();
    for (const name of names(1, 12)) channel.publish("", "q", name);
    for (let index = 0; index < 6; index++) await channel.channel.get("q", false);
    const held = area.held;
    channel.channel.reject(0, true, true, "nack");
    expect(area.held).toBe(held);
    expect(await drain(channel, "q")).toEqual(names(1, 12));
  });

  test("expires at the head, is pushed out and dead-lettered like any other", async () => {
    const { broker, area } = await open();
    const dead = { "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead" };
    await broker.queue("ttl", { ...dead, "x-message-ttl": 1000 });
    await broker.queue("short", { ...dead, "x-max-length": 8 });
    await broker.queue("dead");
    const channel = broker.channel();
    for (const name of names(1, 10)) channel.publish("", "ttl", name);
    broker.clock.advance(1000);
    await until(() => broker.host.queues.get("dead")?.readyCount === 10);
    expect(await drain(channel, "dead")).toEqual(names(1, 10));
    for (const name of names(1, 20)) channel.publish("", "short", name);
    await until(() => broker.host.queues.get("short")?.readyCount === 8);
    expect(await drain(channel, "short")).toEqual(names(13, 20));
    expect(await drain(channel, "dead")).toEqual(names(1, 12));
    expect(area.held).toBe(0);
  });

  test("is dropped with its queue, its connection and by a purge", async () => {
    const { broker, area } = await open();
    const client = broker.connect();
    for (const name of ["purged", "deleted"]) await broker.queue(name);
    const spec = { durable: false, exclusive: true, autoDelete: false, arguments: [] };
    await client.declareQueue("exclusive", spec);
    const channel = broker.channel();
    for (const queue of ["purged", "deleted", "exclusive"]) {
      for (const name of names(1, 10)) channel.publish("", queue, name);
    }
    expect(area.held).toBe(18);
    await broker.client.purgeQueue("purged");
    await broker.client.deleteQueue("deleted", false, false);
    client.close();
    expect(area.held).toBe(0);
    expect(broker.broker.messageBytes).toBe(0);
  });

  test("the bound of all windows counts transient messages too", async () => {
    const { broker, area } = await open({ windowBytesMax: 10 * (1000 + entryBytes), queueWindowBytesMin: 2000 });
    const channel = broker.channel();
    for (const queue of ["a", "b", "c"]) {
      await broker.queue(queue, {}, { durable: false });
      for (let index = 0; index < 10; index++) channel.publish("", queue, "x".repeat(1000));
    }
    expect(area.held).toBe(16);
    expect(broker.broker.store.windowBytes).toBe(14 * (1000 + entryBytes));
  });

  test("a failed read is tried again", async () => {
    const { broker, area } = await open();
    await broker.queue("q");
    const channel = broker.channel();
    for (const name of names(1, 8)) channel.publish("", "q", name);
    area.readFailure = new Error("EIO");
    channel.consume("q", { noAck: true });
    await until(() => broker.logged.includes("cannot read messages back, trying again"));
    broker.clock.advance(1000);
    await until(() => channel.sink.seen.length === 8);
    expect(channel.sink.bodies).toEqual(names(1, 8));
  });
});

describe("A spill area that cannot keep up", () => {
  function throttleOf(broker: TestBroker, events: string[]): PublisherThrottle {
    const connection = {
      peer: "p",
      stop: () => void events.push("stop"),
      proceed: () => void events.push("proceed"),
      putBack: () => false,
      unread: () => undefined,
    };
    const { logger } = broker.broker;
    return new PublisherThrottle({ broker: broker.broker, logger, connection, showFrames: () => undefined });
  }

  test("holds the publisher whose messages go there, and nobody else, until it has caught up", async () => {
    const { broker, area } = await open({ ...tiny, spillPendingBytesMax: 5 });
    await broker.queue("long");
    await broker.queue("short");
    area.holding = true;
    const channel = broker.channel();
    const events: string[] = [];
    const [filler, other] = [throttleOf(broker, events), throttleOf(broker, [])];
    for (const name of names(1, 20)) channel.publish("", "long", name);
    filler.published();
    channel.publish("", "short", "x");
    other.published();
    expect(events).toEqual(["stop"]);
    area.write();
    expect(events).toEqual(["stop", "proceed"]);
  });

  test("does not keep a publisher that waits for the store alone", async () => {
    const area = new KeepingSpillArea();
    const storage = new KeepingStorage();
    const limits = { ...tiny, spillPendingBytesMax: 5, undurableBytesMax: 5 };
    const broker = await TestBroker.open({ storage, spillArea: area, limits });
    await broker.queue("long");
    await broker.queue("short");
    area.holding = true;
    storage.holding = true;
    const channel = broker.channel();
    const [spilling, storing]: [string[], string[]] = [[], []];
    for (const name of names(1, 20)) channel.publish("", "long", name);
    throttleOf(broker, spilling).published();
    channel.publish("", "short", "persistent", { deliveryMode: 2 });
    throttleOf(broker, storing).published();
    storage.commit();
    expect([spilling, storing]).toEqual([["stop"], ["stop", "proceed"]]);
    area.write();
    expect(spilling).toEqual(["stop", "proceed"]);
  });

  test("lets a publisher go on that waits for it alone, however much waits for the store", async () => {
    const area = new KeepingSpillArea();
    const storage = new KeepingStorage();
    const limits = { ...tiny, spillPendingBytesMax: 5, undurableBytesMax: 5 };
    const broker = await TestBroker.open({ storage, spillArea: area, limits });
    await broker.queue("long");
    area.holding = true;
    const channel = broker.channel();
    const spilling: string[] = [];
    for (const name of names(1, 20)) channel.publish("", "long", name);
    throttleOf(broker, spilling).published();
    storage.holding = true;
    channel.publish("", "long", "persistent", { deliveryMode: 2 });
    expect(broker.broker.publishersHeld).toBe(true);
    area.write();
    expect(spilling).toEqual(["stop", "proceed"]);
  });

  test("raises the disk alarm while it cannot write", async () => {
    const { broker } = await open();
    broker.broker.store.spillFailed(new Error("ENOSPC"));
    expect(broker.broker.alarms.reason).toBe("low on disk");
    broker.broker.store.spillRecovered();
    expect(broker.broker.alarms.reason).toBe("");
  });
});
