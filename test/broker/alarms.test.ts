import { AMQPClient } from "@cloudamqp/amqp-client";
import { createBroker, type EmbeddedBroker } from "@jackalope/server";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import {
  amqplibChannel,
  amqplibConfirmChannel,
  amqplibConnection,
  messagesOf,
  texts,
} from "../harness/amqplib-client.ts";
import { Inbox, once, waitFor, within } from "../harness/waiting.ts";

let broker: EmbeddedBroker;
beforeAll(async () => {
  broker = await createBroker();
});
afterAll(() => broker.close());

/** Raises an alarm that ends with the test at the latest. */
function raise(kind: "memory" | "disk"): () => void {
  const lower = () => broker.broker.alarms.set(kind, "test", false);
  broker.broker.alarms.set(kind, "test", true);
  onTestFinished(lower);
  return lower;
}

test("an alarm blocks who publishes, tells why, and lets go when it is over", async () => {
  const connection = await amqplibConnection(broker.url);
  const channel = await connection.createConfirmChannel();
  const { queue } = await channel.assertQueue("", { exclusive: true });
  channel.sendToQueue(queue, Buffer.from("before"));
  await channel.waitForConfirms();
  const others = await amqplibChannel(broker.url);
  const { queue: otherQueue } = await others.assertQueue("", { exclusive: true });
  const blocked = once<string>("blocked", (happened) => connection.once("blocked", happened));
  const lower = raise("memory");
  expect(await blocked).toBe("low on memory");
  let confirmed = false;
  channel.sendToQueue(queue, Buffer.from("during"), {}, () => (confirmed = true));
  // Everybody else is served while this one waits.
  expect((await others.checkQueue(otherQueue)).messageCount).toBe(0);
  expect(confirmed).toBe(false);
  const unblocked = once<void>("unblocked", (happened) => connection.once("unblocked", () => happened()));
  lower();
  await unblocked;
  await within("the confirm", channel.waitForConfirms());
  expect(confirmed).toBe(true);
  expect(texts(await (await messagesOf(channel, queue)).first(2))).toEqual(["before", "during"]);
});

test("a connection hears of an alarm with its first publish, and not before", async () => {
  const lower = raise("disk");
  const connection = await amqplibConnection(broker.url);
  const reasons = new Inbox<string>("blocked");
  connection.on("blocked", reasons.push);
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue("", { exclusive: true });
  expect(reasons.items).toEqual([]);
  channel.sendToQueue(queue, Buffer.from("first"));
  expect(await reasons.first(1)).toEqual(["low on disk"]);
  const unblocked = once<void>("unblocked", (happened) => connection.once("unblocked", () => happened()));
  lower();
  await unblocked;
});

test("consumers go on while publishers are blocked", async () => {
  const publishing = await amqplibConfirmChannel(broker.url);
  const { queue } = await publishing.assertQueue("alarm.backlog", { durable: false });
  for (let index = 0; index < 100; index++) publishing.sendToQueue(queue, Buffer.from(`${index}`));
  await publishing.waitForConfirms();
  raise("memory");
  const consuming = await amqplibChannel(broker.url);
  await consuming.prefetch(10);
  const received: string[] = [];
  await consuming.consume(queue, (message) => {
    if (message === null) return;
    received.push(message.content.toString());
    consuming.ack(message);
  });
  await waitFor("the backlog", () => received.length === 100);
  await consuming.deleteQueue(queue);
});

test("both alarms at once are one reason, and one that is left goes on blocking", async () => {
  const client = new AMQPClient(broker.url, undefined, null);
  const connection = await client.connect();
  onTestFinished(() => connection.close());
  const channel = await connection.channel();
  const lowerMemory = raise("memory");
  const lowerDisk = raise("disk");
  await channel.basicPublish("amq.fanout", "", "nowhere");
  await waitFor("blocked", () => connection.blocked === "low on memory & disk");
  lowerMemory();
  const witness = await amqplibChannel(broker.url);
  await witness.assertQueue("", { exclusive: true });
  await expect(channel.basicPublish("amq.fanout", "", "refused by the client")).rejects.toThrow("blocked");
  lowerDisk();
  await waitFor("unblocked", () => connection.blocked === undefined);
  await channel.basicPublish("amq.fanout", "", "taken again");
});
