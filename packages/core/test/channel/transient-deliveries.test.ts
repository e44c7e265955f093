import { beforeEach, describe, expect, test } from "vitest";
import { TestBroker, type TestChannel } from "../fixture/test-broker.ts";

const persistent = { deliveryMode: 2 };

describe("a consumer that acknowledges persistent messages only", () => {
  let broker: TestBroker;
  let channel: TestChannel;

  beforeEach(async () => {
    broker = await TestBroker.open();
    channel = broker.channel();
  });

  test("has done with transient ones at their delivery", async () => {
    await broker.queue("q");
    const consumer = channel.consume("q", { settlesTransient: true });
    channel.publish("", "q", "transient");
    channel.publish("", "q", "kept", persistent);
    expect(channel.sink.takeBodies()).toEqual(["transient", "kept"]);
    expect(channel.channel.unackedCount).toBe(1);
    channel.channel.cancel(consumer.tag);
    channel.channel.recover();
    expect(channel.drain("q")).toEqual(["kept"]);
  });

  test("gets transient ones behind persistent ones in their order when its credit is used up", async () => {
    await broker.queue("q");
    channel.channel.qos(1, true);
    channel.consume("q", { settlesTransient: true });
    channel.publish("", "q", "first", persistent);
    channel.publish("", "q", "second");
    channel.publish("", "q", "third", persistent);
    expect(channel.sink.takeBodies()).toEqual(["first"]);
    channel.channel.ack(0, true);
    expect(channel.sink.takeBodies()).toEqual(["second", "third"]);
  });

  test("too slow for transient messages loses and counts the newest, and keeps persistent ones", async () => {
    await broker.queue("q", { "x-max-transient-length": 2 });
    for (const body of ["1", "2", "3"]) channel.publish("", "q", body);
    channel.publish("", "q", "kept", persistent);
    expect(broker.broker.totals.dropped.overload).toBe(1);
    expect(channel.drain("q")).toEqual(["1", "2", "kept"]);
  });
});

describe("confirms of what was published without them", () => {
  test("come in order with the others", async () => {
    const broker = await TestBroker.open();
    const channel = broker.channel();
    await broker.queue("q");
    channel.channel.confirmSelect();
    channel.publish("", "q", "1");
    channel.channel.expectRefusal();
    channel.channel.expectConfirm(0);
    broker.endTurn();
    expect(channel.sink.takeEvents()).toEqual(["confirm 1", "refuse 2", "confirm 3"]);
  });
});
