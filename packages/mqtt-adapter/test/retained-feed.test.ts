import type { Broker } from "@jackalope/core";
import type { Queue } from "@jackalope/core/adapter";
import { FakeClock, until } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { defaultMqttLimits } from "../src/options.ts";
import { type FeedParts, RetainedFeed } from "../src/retained-feed.ts";
import { RetainedStore } from "../src/retained-store.ts";
import { consume, declareQueue, defaultHost, openBroker, retainedMessage, whenOver } from "./retained-fixture.ts";

interface Setting {
  readonly broker: Broker;
  readonly store: RetainedStore;
  readonly queue: Queue;
  feed(subscription: Partial<FeedParts["subscription"]>, parts?: Partial<FeedParts>): RetainedFeed;
}

async function setting(
  options: { clock?: FakeClock; bounds?: Readonly<Record<string, number>> } = {},
): Promise<Setting> {
  const broker = await openBroker(options.clock === undefined ? {} : { clock: options.clock });
  const host = defaultHost(broker);
  const store = new RetainedStore(host, "amq.topic", defaultMqttLimits);
  whenOver(() => store.close());
  const queue = await declareQueue(broker, "session", options.bounds);
  return {
    broker,
    store,
    queue,
    feed: (subscription, parts) =>
      new RetainedFeed({
        host,
        queue,
        retained: store,
        subscription: { filter: "#", qos: 0, noLocal: false, id: 0, ...subscription },
        ...parts,
      }),
  };
}

function fill(store: RetainedStore, count: number, qos: 0 | 1 | 2 = 0): void {
  for (let number = 0; number < count; number++) {
    const topic = `site/${number % 100}/${number}`;
    store.set(topic, retainedMessage(topic, `body ${number}`, qos));
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function done(feed: RetainedFeed): Promise<void> {
  let ended = false;
  feed.whenDone(() => {
    ended = true;
  });
  await until(() => ended);
}

describe("a feed of retained messages", () => {
  it("brings each match once, at the lower of both QoS, with the subscription identifier", async () => {
    const { broker, store, queue, feed } = await setting();
    const { delivered } = consume(broker, queue, false);
    store.set("a/0", retainedMessage("a/0", "zero", 0));
    store.set("a/1", retainedMessage("a/1", "one", 1, Buffer.of(0x01, 1)));
    store.set("a/2", retainedMessage("a/2", "two", 2));
    store.set("b", retainedMessage("b", "no"));
    await done(feed({ filter: "a/#", qos: 1, id: 300 }));
    expect(delivered).toEqual([
      { topic: "a/0", body: "zero", format: "mqtt-0-retained", native: "0bac02", persistent: false, remainingMs: -1 },
      { topic: "a/1", body: "one", format: "mqtt-1-retained", native: "0bac020101", persistent: true, remainingMs: -1 },
      { topic: "a/2", body: "two", format: "mqtt-1-retained", native: "0bac02", persistent: true, remainingMs: -1 },
    ]);
  });

  it("that fails ends alone, what waits for it is told, and the next one gets everything", async () => {
    const { broker, store, queue, feed } = await setting();
    fill(store, 100);
    const subscription = {
      filter: "#",
      qos: 0,
      noLocal: false,
      get id(): number {
        throw new Error("a fault of ours");
      },
    } as const;
    const failing = feed({}, { subscription });
    const next = feed({});
    await done(failing);
    await done(next);
    expect(queue.readyCount).toBe(100);
    expect(broker.containment.counts.turn).toBe(1);
  });

  it("tells topics exactly that the routing key does not tell", async () => {
    const { broker, store, queue, feed } = await setting();
    const { delivered } = consume(broker, queue, true);
    store.set("a.b/c", retainedMessage("a.b/c", "x"));
    await done(feed({ id: 1 }));
    expect(delivered.map(({ topic, native }) => [topic, native])).toEqual([["a.b/c", "7f0005612e622f630b01"]]);
  });

  it("tells the time that is left", async () => {
    const clock = new FakeClock();
    const { broker, store, queue, feed } = await setting({ clock });
    const { delivered } = consume(broker, queue, true);
    const message = retainedMessage("a", "x");
    message.expirationMs = 60_000;
    store.set("a", message);
    clock.advance(20_000);
    await done(feed({}));
    expect(delivered.map(({ remainingMs }) => remainingMs)).toEqual([40_000]);
  });

  it("leaves out what is retained after the subscription, and what a session without local messages published", async () => {
    const { broker, store, queue, feed } = await setting();
    const { delivered } = consume(broker, queue, true);
    const own = retainedMessage("own", "x");
    own.originId = -1;
    store.set("own", own);
    store.set("before", retainedMessage("before", "x"));
    store.set("replaced", retainedMessage("replaced", "old"));
    const whole = feed({ noLocal: true }, { originId: -1 });
    store.set("replaced", retainedMessage("replaced", "new"));
    store.set("after", retainedMessage("after", "x"));
    await done(whole);
    expect(delivered.map(({ topic }) => topic)).toEqual(["before"]);
  });

  it("brings ten thousand in small parts of many turns", async () => {
    const { broker, store, queue, feed } = await setting();
    fill(store, 10_000);
    const { delivered } = consume(broker, queue, true);
    const whole = feed({});
    let ended = false;
    whole.whenDone(() => {
      ended = true;
    });
    let mostInATurn = 0;
    for (let before = 0; !ended; before = delivered.length) {
      await turn();
      mostInATurn = Math.max(mostInATurn, delivered.length - before);
    }
    expect(mostInATurn).toBeLessThanOrEqual(512);
    expect(new Set(delivered.map(({ topic }) => topic)).size).toBe(10_000);
    expect(delivered.length).toBe(10_000);
  });

  it("shares the turns with other feeds", async () => {
    const { broker, store, queue, feed } = await setting();
    fill(store, 5000);
    const { delivered } = consume(broker, queue, true);
    const many = Array.from({ length: 20 }, () => feed({}));
    const few = feed({ filter: "site/7/7" });
    let total = 0;
    few.whenDone(() => {
      total = delivered.length;
    });
    await until(() => total > 0);
    for (const each of many) each.cancel();
    // One slice of each of the others at most was before it.
    expect(total).toBeLessThanOrEqual(20 * 128 + 1);
    const { length } = delivered;
    await turn();
    await turn();
    expect(delivered.length).toBe(length);
  });

  it("does not fill the queue of a client that takes nothing, and goes on when it does", async () => {
    const clock = new FakeClock();
    const { broker, store, queue, feed } = await setting({ clock });
    fill(store, 10_000, 1);
    const { delivered, ack } = consume(broker, queue, false, 10);
    let ended = false;
    feed({ qos: 1 }).whenDone(() => {
      ended = true;
    });
    await until(() => queue.readyCount >= 2048);
    for (let passed = 0; passed < 50; passed++) {
      clock.advance(1000);
      await turn();
    }
    expect(queue.readyCount).toBe(2048);
    await until(() => {
      ack(10);
      clock.advance(500);
      return ended && queue.readyCount === 0;
    });
    expect(new Set(delivered.map(({ topic }) => topic)).size).toBe(10_000);
  });

  it("leaves half of a small queue to new messages", async () => {
    const { store, queue, feed } = await setting({ bounds: { "x-max-length": 100 } });
    fill(store, 1000, 1);
    feed({ qos: 1 });
    await until(() => queue.readyCount >= 50);
    await turn();
    expect(queue.readyCount).toBe(50);
  });

  it("ends with the queue", async () => {
    const { broker, store, queue, feed } = await setting();
    fill(store, 10_000);
    const whole = feed({});
    await turn();
    defaultHost(broker).topology.removeQueue(queue);
    await done(whole);
    expect(queue.readyCount).toBe(0);
  });
});
