import { describe, expect, test } from "vitest";
import { KeepingStorage } from "../fixture/keeping-storage.ts";
import { TestBroker, until } from "../fixture/test-broker.ts";

const body = "x".repeat(1000);

describe("Store.messageBytes", () => {
  test("counts what is ready and what is unacknowledged, until it is acknowledged", async () => {
    const broker = await TestBroker.open();
    await broker.queue("q");
    const channel = broker.channel();
    for (let index = 0; index < 10; index++) channel.publish("", "q", body);
    expect(broker.broker.messageBytes).toBe(10_000);
    for (let index = 0; index < 4; index++) channel.get("q", false);
    expect(broker.broker.messageBytes).toBe(10_000);
    channel.channel.ack(2, true);
    expect(broker.broker.messageBytes).toBe(8000);
    channel.channel.reject(3, false, false, "nack");
    channel.channel.reject(4, false, true, "nack");
    expect(broker.broker.messageBytes).toBe(7000);
    channel.drain("q");
    expect(broker.broker.messageBytes).toBe(0);
  });

  test("counts a message of many queues once", async () => {
    const broker = await TestBroker.open();
    await broker.exchange("all", "fanout");
    for (const name of ["a", "b", "c"]) {
      await broker.queue(name);
      await broker.bind("all", name);
    }
    const channel = broker.channel();
    channel.publish("all", "", body);
    expect(broker.broker.messageBytes).toBe(1000);
    channel.drain("a");
    await broker.client.purgeQueue("b");
    expect(broker.broker.messageBytes).toBe(1000);
    await broker.client.deleteQueue("c", false, false);
    expect(broker.broker.messageBytes).toBe(0);
  });

  test.each([
    ["pushed out", { "x-max-length": 1 }],
    ["expired", { "x-message-ttl": 0 }],
    ["overloaded", { "x-max-transient-length": 1 }],
    ["dead-lettered", { "x-max-length": 1, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead" }],
  ])("forgets a message that was %s", async (_, args) => {
    const broker = await TestBroker.open();
    await broker.queue("q", args);
    await broker.queue("dead");
    const channel = broker.channel();
    for (let index = 0; index < 5; index++) channel.publish("", "q", body);
    channel.drain("q");
    channel.drain("dead");
    expect(broker.broker.messageBytes).toBe(0);
  });

  test("counts the key of each message where it is longer than AMQP's, so that the window holds fewer of them", async () => {
    const limits = { queueWindowBytesMax: 200_000 };
    const broker = await TestBroker.open({ storage: new KeepingStorage(), limits });
    await broker.queue("q");
    await broker.bind("amq.topic", "q", "#");
    const channel = broker.channel();
    channel.publish("amq.topic", "k".repeat(255), body);
    expect(broker.broker.messageBytes).toBe(1000);
    for (let index = 0; index < 20; index++) {
      channel.publish("amq.topic", `${"k".repeat(20_000)}${index}`, body, { deliveryMode: 2 });
    }
    expect(broker.broker.messageBytes).toBeGreaterThan(100_000);
    expect(broker.broker.messageBytes).toBeLessThan(250_000);
    channel.consume("q");
    await until(() => channel.sink.seen.length === 21);
    channel.channel.ack(0, true);
    expect(broker.broker.messageBytes).toBe(0);
  });

  test("does not count what is behind the window, until it is read back", async () => {
    const storage = new KeepingStorage();
    const limits = { queueWindowMessagesMax: 4, pageMessagesMax: 2 };
    const broker = await TestBroker.open({ storage, limits });
    await broker.queue("q");
    const channel = broker.channel();
    for (let index = 0; index < 10; index++) channel.publish("", "q", body, { deliveryMode: 2 });
    const windowBytes = broker.broker.messageBytes;
    expect(windowBytes).toBeGreaterThanOrEqual(4000);
    expect(windowBytes).toBeLessThan(5000);
    channel.consume("q");
    await until(() => channel.sink.seen.length === 10);
    expect(broker.broker.messageBytes).toBeGreaterThanOrEqual(10_000);
    channel.channel.ack(0, true);
    expect(broker.broker.messageBytes).toBe(0);
  });
});
