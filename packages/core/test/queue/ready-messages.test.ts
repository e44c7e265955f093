import { beforeEach, describe, expect, test } from "vitest";
import { TestBroker, type TestChannel } from "../fixture/test-broker.ts";

let broker: TestBroker;
let channel: TestChannel;

beforeEach(async () => {
  broker = await TestBroker.open();
  channel = broker.channel();
});

describe("priorities cost what they need", () => {
  test("a queue that may have 255 of them has no list before its first message, and one for each that is in use", async () => {
    const queue = await broker.queue("q", { "x-max-priority": 255 });
    expect(queue.ready.lists.length).toBe(0);
    for (const priority of [7, 255, 7, 0]) channel.publish("", "q", `${priority}`, { priority });
    expect(queue.ready.lists.length).toBe(3);
    expect(channel.drain("q")).toEqual(["255", "7", "7", "0"]);
    expect(queue.ready.count).toBe(0);
  });

  test("lists that stand empty make room for others, and nothing that waits is lost with them", async () => {
    const queue = await broker.queue("q", { "x-max-priority": 255 });
    channel.publish("", "q", "waits", { priority: 0 });
    for (let priority = 1; priority <= 255; priority++) {
      channel.publish("", "q", `${priority}`, { priority });
      expect(Buffer.from(channel.get("q")?.message.body ?? []).toString()).toBe(`${priority}`);
    }
    expect(queue.ready.lists.length).toBeLessThanOrEqual(12);
    expect(channel.drain("q")).toEqual(["waits"]);
  });

  test("a consumer with a filter goes through all of them, also while others come into being", async () => {
    await broker.queue("q", { "x-max-priority": 255 });
    for (let priority = 0; priority < 255; priority += 2) channel.publish("", "q", `${priority}`, { priority });
    const taker = broker.channel();
    let odd = 1;
    taker.sink.onDeliver = () => {
      if (odd > 255) return;
      const priority = odd;
      odd += 2;
      channel.publish("", "q", `${priority}`, { priority });
    };
    taker.consume("q", { filter: { matches: () => true, others: "leave" }, noAck: true });
    broker.endTurn();
    taker.sink.onDeliver = null;
    channel.publish("", "q", "last", { priority: 0 });
    expect([new Set(taker.sink.bodies).size, taker.sink.bodies.length]).toEqual([257, 257]);
  });

  test("a message above the highest priority counts as the highest", async () => {
    await broker.queue("q", { "x-max-priority": 3 });
    for (const priority of [3, 9, 3]) channel.publish("", "q", `${priority}`, { priority });
    expect(channel.drain("q")).toEqual(["3", "9", "3"]);
  });
});
