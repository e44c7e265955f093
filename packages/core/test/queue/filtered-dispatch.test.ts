import { beforeEach, describe, expect, test } from "vitest";
import type { MessageFilter } from "../../src/channel/consumer.ts";
import type { Message } from "../../src/message.ts";
import { TestBroker, type TestChannel } from "../fixture/test-broker.ts";

let broker: TestBroker;
let channel: TestChannel;

beforeEach(async () => {
  broker = await TestBroker.open();
  channel = broker.channel();
});

const bodyOf = (message: Message): string => Buffer.from(message.body).toString();
const ready = (name: string): number | undefined => broker.host.queues.get(name)?.readyCount;

/** Takes bodies that begin with `letter`. */
function beginningWith(letter: string, others: MessageFilter["others"] = "leave"): MessageFilter {
  return { matches: (message) => bodyOf(message).startsWith(letter), others };
}

function publish(...bodies: string[]): void {
  for (const body of bodies) channel.publish("", "q", body);
}

describe("consumers with filters share a queue", () => {
  test("each gets what it wants in order, and the rest waits for others", async () => {
    await broker.queue("q");
    const a = broker.channel();
    a.consume("q", { noAck: true, filter: beginningWith("a") });
    publish("a1", "b1", "c1", "a2", "b2");
    expect(a.sink.takeBodies()).toEqual(["a1", "a2"]);
    const b = broker.channel();
    b.consume("q", { noAck: true, filter: beginningWith("b") });
    expect(b.sink.takeBodies()).toEqual(["b1", "b2"]);
    publish("b3", "a3");
    expect([a.sink.takeBodies(), b.sink.takeBodies(), ready("q")]).toEqual([["a3"], ["b3"], 1]);
    const all = broker.channel();
    all.consume("q", { noAck: true });
    expect(all.sink.takeBodies()).toEqual(["c1"]);
  });

  test("credit that comes back finds what was passed over meanwhile", async () => {
    await broker.queue("q");
    channel.channel.qos(1, false);
    channel.consume("q", { filter: beginningWith("a") });
    publish("x", "a1", "y", "a2", "a3");
    expect(channel.sink.takeBodies()).toEqual(["a1"]);
    channel.channel.ack(1, false);
    expect(channel.sink.takeBodies()).toEqual(["a2"]);
    channel.channel.ack(2, false);
    expect([channel.sink.takeBodies(), ready("q")]).toEqual([["a3"], 2]);
  });

  test("what comes back goes to somebody who wants it", async () => {
    await broker.queue("q");
    const first = broker.channel();
    first.consume("q", { filter: beginningWith("a") });
    publish("b", "a");
    const second = broker.channel();
    second.consume("q", { filter: beginningWith("a") });
    first.channel.close();
    expect([second.sink.takeBodies(), ready("q")]).toEqual([["a"], 1]);
  });

  test("the last filter's end brings the usual way back", async () => {
    await broker.queue("q");
    const consumer = channel.consume("q", { noAck: true, filter: beginningWith("a") });
    const all = broker.channel();
    publish("b1", "b2");
    all.consume("q", { noAck: true });
    publish("a1");
    channel.channel.cancel(consumer.tag);
    publish("a2");
    expect(channel.sink.bodies).toEqual(["a1"]);
    expect(all.sink.takeBodies()).toEqual(["b1", "b2", "a2"]);
  });

  test("a filtered consumer does not look past more than the bound", async () => {
    const bounded = await TestBroker.open({ limits: { filterSkippedMax: 3 } });
    await bounded.queue("q");
    const picky = bounded.channel();
    picky.consume("q", { noAck: true, filter: beginningWith("a") });
    const sender = bounded.channel();
    for (const body of ["x1", "x2", "a1", "x3", "a2", "a3"]) sender.publish("", "q", body);
    expect(picky.sink.takeBodies()).toEqual(["a1"]);
    // Somebody takes one that was in the way.
    sender.get("q");
    sender.publish("", "q", "a4");
    expect(picky.sink.takeBodies()).toEqual(["a2", "a3", "a4"]);
  });

  test("expired, dropped and purged messages are gone for filters too", async () => {
    await broker.queue("q", { "x-max-length": 2 });
    publish("x");
    channel.publish("", "q", "a1", { expiration: "100" });
    publish("y", "a2");
    channel.consume("q", { noAck: true, filter: beginningWith("a") });
    broker.clock.advance(200);
    expect(channel.sink.takeBodies()).toEqual(["a2"]);
    broker.host.queues.get("q")?.purge();
    publish("z", "a3");
    expect([channel.sink.takeBodies(), ready("q")]).toEqual([["a3"], 1]);
  });

  test("priorities are looked at from the highest down", async () => {
    await broker.queue("q", { "x-max-priority": 2 });
    channel.publish("", "q", "a low");
    channel.publish("", "q", "b high", { priority: 2 });
    channel.publish("", "q", "a high", { priority: 2 });
    channel.consume("q", { noAck: true, filter: beginningWith("a") });
    expect([channel.sink.takeBodies(), ready("q")]).toEqual([["a high", "a low"], 1]);
  });
});

describe("a queue whose only consumer discards", () => {
  test("keeps nothing that it refuses, old or new", async () => {
    await broker.queue("q");
    publish("x1", "a1", "x2");
    const consumer = channel.consume("q", { filter: beginningWith("a", "discard") });
    publish("x3", "a2");
    expect([channel.sink.takeBodies(), ready("q")]).toEqual([["a1", "a2"], 0]);
    expect(consumer.queue.unackedCount).toBe(2);
  });

  test("keeps what it wants and cannot take yet", async () => {
    await broker.queue("q");
    channel.channel.qos(1, false);
    channel.consume("q", { filter: beginningWith("a", "discard") });
    publish("a1", "x1", "a2", "x2");
    expect([channel.sink.takeBodies(), ready("q")]).toEqual([["a1"], 1]);
    channel.channel.ack(1, false);
    expect([channel.sink.takeBodies(), ready("q")]).toEqual([["a2"], 0]);
  });

  test("keeps what another consumer may want", async () => {
    await broker.queue("q");
    channel.consume("q", { noAck: true, filter: beginningWith("a", "discard") });
    const other = broker.channel();
    other.channel.pause();
    other.consume("q", { noAck: true });
    publish("x", "a");
    expect([channel.sink.takeBodies(), ready("q")]).toEqual([["a"], 1]);
    other.channel.resume();
    expect(other.sink.takeBodies()).toEqual(["x"]);
  });
});
