import { connect } from "amqplib";
import { describe, expect, test } from "vitest";
import {
  amqplibChannel,
  amqplibConfirmChannel,
  amqplibConnection,
  messagesOf,
  quiet,
  texts,
} from "../harness/amqplib-client.ts";
import { startBrokerProcess, temporaryDataDir } from "../harness/broker-process.ts";
import { RawConnection } from "../harness/raw-connection.ts";
import { nth } from "../harness/nth.ts";
import { targetOf } from "../harness/target.ts";
import { once, waitFor } from "../harness/waiting.ts";
import { method } from "../harness/wire.ts";

const arguments_ = { "x-max-priority": 4, "x-message-ttl": 3_600_000, "x-dead-letter-exchange": "kept.dead" };

describe.each(["SIGTERM", "SIGKILL"] as const)("after %s and a new start", (signal) => {
  test("durable queues, exchanges and bindings are there with their arguments, and route", async () => {
    const dataDir = await temporaryDataDir();
    const before = await startBrokerProcess(dataDir);
    const declaring = await amqplibChannel(before.url);
    await declaring.assertExchange("kept.dead", "fanout");
    await declaring.assertExchange("kept.topic", "topic", { alternateExchange: "kept.dead" });
    await declaring.assertExchange("kept.headers", "headers");
    await declaring.assertExchange("lost", "direct", { durable: false });
    await declaring.assertQueue("kept.work", { arguments: arguments_ });
    await declaring.assertQueue("kept.dead", { maxLength: 100 });
    await declaring.assertQueue("kept.gone");
    await declaring.assertQueue("lost", { durable: false });
    await declaring.bindQueue("kept.work", "kept.topic", "work.#");
    await declaring.bindQueue("kept.work", "kept.topic", "unbound");
    await declaring.unbindQueue("kept.work", "kept.topic", "unbound");
    await declaring.bindQueue("kept.dead", "kept.dead", "");
    await declaring.bindQueue("kept.work", "kept.headers", "", { "x-match": "any", important: true });
    await declaring.bindExchange("kept.topic", "amq.direct", "work.via.direct");
    await declaring.deleteQueue("kept.gone");
    await before.end(signal);

    const after = await startBrokerProcess(dataDir);
    const channel = await amqplibChannel(after.url);
    // A redeclaration in other words would close the channel.
    await channel.assertExchange("kept.topic", "topic", { alternateExchange: "kept.dead" });
    await channel.assertQueue("kept.work", { arguments: arguments_ });
    await channel.assertQueue("kept.dead", { maxLength: 100 });
    channel.publish("kept.topic", "work.now", Buffer.from("by topic"));
    channel.publish("amq.direct", "work.via.direct", Buffer.from("over two exchanges"));
    channel.publish("kept.headers", "", Buffer.from("by header"), { headers: { important: true } });
    channel.publish("kept.topic", "unbound", Buffer.from("to the alternate"));
    expect(texts(await (await messagesOf(channel, "kept.work")).first(3))).toEqual([
      "by topic",
      "over two exchanges",
      "by header",
    ]);
    expect(texts(await (await messagesOf(channel, "kept.dead")).first(1))).toEqual(["to the alternate"]);
    for (const name of ["lost", "kept.gone"]) {
      await expect((await amqplibChannel(after.url)).checkQueue(name)).rejects.toThrow("404");
    }
    await expect((await amqplibChannel(after.url)).checkExchange("lost")).rejects.toThrow("404");
  });

  test("confirmed persistent messages are there as they were sent, in order, without those acknowledged", async () => {
    const dataDir = await temporaryDataDir();
    const before = await startBrokerProcess(dataDir);
    const publishing = await amqplibConfirmChannel(before.url);
    await publishing.assertQueue("kept", { deadLetterExchange: "", deadLetterRoutingKey: "dead" });
    await publishing.assertQueue("dead");
    await publishing.assertQueue("ranked", { maxPriority: 5 });
    const properties = {
      deliveryMode: 2,
      headers: { list: [1, "two", { three: true }] },
      messageId: "m",
      timestamp: 7,
    };
    for (let index = 0; index < 1000; index++) publishing.sendToQueue("kept", Buffer.from(`${index}`), properties);
    publishing.sendToQueue("kept", Buffer.from("short-lived"), { persistent: true, expiration: "1" });
    publishing.sendToQueue("kept", Buffer.alloc(3_000_000, "large"), { persistent: true });
    for (const priority of [1, 5, 3])
      publishing.sendToQueue("ranked", Buffer.from(`${priority}`), { persistent: true, priority });
    await publishing.waitForConfirms();
    const consuming = await amqplibConfirmChannel(before.url);
    await consuming.prefetch(10);
    const held = await (await messagesOf(consuming, "kept")).first(10);
    // 0 to 4 are acknowledged, 5 is dead, 6 to 9 are still held when the broker goes.
    consuming.ack(nth(held, 4), true);
    consuming.reject(nth(held, 5), false);
    // A confirm on the channel tells that what went before is on disk.
    consuming.sendToQueue("dead", Buffer.from("marker"), { persistent: true });
    await consuming.waitForConfirms();
    await before.end(signal);

    const after = await startBrokerProcess(dataDir);
    const channel = await amqplibChannel(after.url);
    const messages = await (await messagesOf(channel, "kept", { noAck: true })).first(995);
    expect(texts(messages.slice(0, 994))).toEqual(Array.from({ length: 994 }, (_, index) => `${index + 6}`));
    expect(nth(messages, 0).properties).toMatchObject(properties);
    expect(nth(messages, 994).content.equals(Buffer.alloc(3_000_000, "large"))).toBe(true);
    const dead = await (await messagesOf(channel, "dead", { noAck: true })).first(3);
    expect([...texts(dead)].sort()).toEqual(["5", "marker", "short-lived"]);
    const rejected = dead.find((message) => message.content.toString() === "5");
    expect(rejected?.properties.headers?.["x-death"]).toMatchObject([{ queue: "kept", reason: "rejected", count: 1 }]);
    expect(texts(await (await messagesOf(channel, "ranked", { noAck: true })).first(3))).toEqual(["5", "3", "1"]);
  });
});

test("SIGTERM tells clients 320 CONNECTION_FORCED, closes the doors and ends with 0", async () => {
  const broker = await startBrokerProcess(await temporaryDataDir());
  const connection = await amqplibConnection(broker.url);
  quiet(await connection.createChannel());
  const closed = once<Error>("the close", (happened) => connection.once("close", happened));
  const raw = await RawConnection.open(targetOf(broker.url, () => Promise.resolve()));
  broker.child.kill("SIGTERM");
  expect((await closed).message).toContain(
    "320 (CONNECTION-FORCED) with message \"CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'\"",
  );
  expect((await raw.connectionClose()).code).toBe(320);
  raw.send(method(0, 10, 51));
  await raw.closed();
  expect(await broker.ended).toEqual({ code: 0, signal: null });
  await expect(connect(broker.url)).rejects.toThrow("ECONNREFUSED");
});

test("SIGINT ends the broker with 0 too, though a client does not answer its goodbye", async () => {
  const broker = await startBrokerProcess(await temporaryDataDir());
  const silent = await RawConnection.open(targetOf(broker.url, () => Promise.resolve()));
  broker.child.kill("SIGINT");
  await silent.connectionClose();
  expect(await broker.ended).toEqual({ code: 0, signal: null });
});

test("a second broker on the same data directory is refused and leaves the first alone", async () => {
  const dataDir = await temporaryDataDir();
  const first = await startBrokerProcess(dataDir);
  await expect(startBrokerProcess(dataDir)).rejects.toThrow(/ended with 1[\s\S]*in use by the process with pid \d+/);
  const channel = await amqplibConfirmChannel(first.url);
  await channel.assertQueue("still");
  channel.sendToQueue("still", Buffer.from("alive"), { persistent: true });
  await channel.waitForConfirms();
});

test("health and metrics tell of a running broker", async () => {
  const broker = await startBrokerProcess(await temporaryDataDir());
  const page = (path: string) => fetch(`http://127.0.0.1:${broker.managementPort}${path}`);
  expect((await page("/health/live")).status).toBe(200);
  expect((await page("/health/ready")).status).toBe(200);
  const channel = await amqplibConfirmChannel(broker.url);
  await channel.assertQueue("counted");
  for (let index = 0; index < 7; index++) channel.sendToQueue("counted", Buffer.from("x"), { persistent: true });
  await channel.waitForConfirms();
  const metrics = await waitFor("the messages in the metrics", async () => {
    const text = await (await page("/metrics")).text();
    return /published\S* 7$/m.test(text) && /ready\S* 7$/m.test(text) ? text : null;
  });
  expect(metrics).toMatch(/^# HELP /m);
  expect(await broker.residentBytes()).toBeGreaterThan(10_000_000);
});
