import { type ConsumeMessage, type Options } from "amqplib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { amqplibConfirmChannel, messagesOf, texts } from "../../harness/amqplib-client.ts";
import { nth } from "../../harness/nth.ts";
import { freshName, startTarget, type Target } from "../../harness/target.ts";
import { waitFor } from "../../harness/waiting.ts";

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

/** A queue whose dead letters go to a second one. */
async function queueWithGrave(options: Options.AssertQueue = {}) {
  const channel = await amqplibConfirmChannel(target.url);
  const grave = (await channel.assertQueue("", { exclusive: true })).queue;
  const exchange = freshName("graveyard");
  await channel.assertExchange(exchange, "fanout", { autoDelete: true, durable: false });
  await channel.bindQueue(grave, exchange, "");
  const queue = freshName("mortal");
  await channel.assertQueue(queue, { exclusive: true, deadLetterExchange: exchange, ...options });
  return { channel, queue, grave, exchange };
}

const headersOf = (message: ConsumeMessage): Record<string, unknown> => message.properties.headers ?? {};

test("a rejected message is dead-lettered and tells where it died, why and how often", async () => {
  const { channel, queue, grave } = await queueWithGrave();
  const beforeSeconds = Math.floor(Date.now() / 1000);
  channel.publish("", queue, Buffer.from("unwanted"), { headers: { mine: "kept" }, persistent: true, priority: 3 });
  const message = nth(await (await messagesOf(channel, queue)).first(1), 0);
  channel.reject(message, false);
  const dead = nth(await (await messagesOf(channel, grave)).first(1), 0);
  expect(dead.content.toString()).toBe("unwanted");
  expect(dead.fields.routingKey).toBe(queue);
  expect(dead.fields.redelivered).toBe(false);
  expect(dead.properties).toMatchObject({ deliveryMode: 2, priority: 3 });
  expect(headersOf(dead)).toEqual({
    mine: "kept",
    "x-death": [
      {
        count: 1,
        reason: "rejected",
        queue,
        time: { "!": "timestamp", value: expect.any(Number) },
        exchange: "",
        "routing-keys": [queue],
      },
    ],
    "x-first-death-exchange": "",
    "x-first-death-queue": queue,
    "x-first-death-reason": "rejected",
    "x-last-death-exchange": "",
    "x-last-death-queue": queue,
    "x-last-death-reason": "rejected",
  });
  const [death] = headersOf(dead)["x-death"] as { time: { value: number } }[];
  expect(death?.time.value).toBeGreaterThanOrEqual(beforeSeconds);
  expect(death?.time.value).toBeLessThanOrEqual(Date.now() / 1000);
});

test("a message expires by the queue's TTL or by its own, whichever is less", async () => {
  const { channel, queue, grave } = await queueWithGrave({ messageTtl: 60_000 });
  channel.sendToQueue(queue, Buffer.from("short"), { expiration: "50" });
  const dead = nth(await (await messagesOf(channel, grave)).first(1), 0);
  const headers = headersOf(dead);
  expect(headers["x-first-death-reason"]).toBe("expired");
  expect(headers["x-death"]).toMatchObject([{ reason: "expired", "original-expiration": "50" }]);
  // It must not expire a second time.
  expect(dead.properties.expiration).toBeUndefined();
});

test("messages of a queue with a TTL expire in their order", async () => {
  const { channel, queue, grave } = await queueWithGrave({ messageTtl: 100 });
  for (const text of ["one", "two", "three"]) channel.sendToQueue(queue, Buffer.from(text));
  const messages = await (await messagesOf(channel, grave)).first(3);
  expect(texts(messages)).toEqual(["one", "two", "three"]);
  expect((await channel.checkQueue(queue)).messageCount).toBe(0);
});

test("with a TTL of 0 a message is delivered at once or expires", async () => {
  const { channel, queue, grave } = await queueWithGrave({ messageTtl: 0 });
  const graveInbox = await messagesOf(channel, grave);
  channel.sendToQueue(queue, Buffer.from("nobody waits"));
  expect(texts(await graveInbox.first(1))).toEqual(["nobody waits"]);
  const inbox = await messagesOf(channel, queue, { noAck: true });
  channel.sendToQueue(queue, Buffer.from("somebody waits"));
  expect(texts(await inbox.first(1))).toEqual(["somebody waits"]);
});

test("what a full queue drops is dead-lettered with maxlen", async () => {
  const { channel, queue, grave } = await queueWithGrave({ maxLength: 1 });
  for (const text of ["dropped", "kept"]) channel.sendToQueue(queue, Buffer.from(text));
  await channel.waitForConfirms();
  const dead = nth(await (await messagesOf(channel, grave)).first(1), 0);
  expect(dead.content.toString()).toBe("dropped");
  expect(headersOf(dead)["x-first-death-reason"]).toBe("maxlen");
});

test("the dead-letter routing key replaces the message's own, and CC with it", async () => {
  const channel = await amqplibConfirmChannel(target.url);
  const grave = (await channel.assertQueue("", { exclusive: true })).queue;
  const { queue } = await channel.assertQueue("", {
    exclusive: true,
    deadLetterExchange: "",
    deadLetterRoutingKey: grave,
  });
  channel.sendToQueue(queue, Buffer.from("x"), { CC: ["somewhere else"], expiration: "0" });
  const dead = nth(await (await messagesOf(channel, grave)).first(1), 0);
  expect(dead.fields.routingKey).toBe(grave);
  expect(headersOf(dead).CC).toBeUndefined();
  expect(headersOf(dead)["x-death"]).toMatchObject([{ "routing-keys": [queue, "somewhere else"] }]);
});

test("a message that dies twice the same way is counted, newest death first", async () => {
  const channel = await amqplibConfirmChannel(target.url);
  const [work, wait] = [freshName("work"), freshName("wait")];
  await channel.assertQueue(work, { exclusive: true, deadLetterExchange: "", deadLetterRoutingKey: wait });
  await channel.assertQueue(wait, {
    exclusive: true,
    messageTtl: 30,
    deadLetterExchange: "",
    deadLetterRoutingKey: work,
  });
  const deaths: unknown[] = [];
  await channel.consume(work, (message) => {
    if (message === null) return;
    deaths.push(headersOf(message)["x-death"]);
    if (deaths.length < 3) channel.reject(message, false);
    else channel.ack(message);
  });
  channel.sendToQueue(work, Buffer.from("try, try again"));
  await waitFor("the third attempt", () => deaths.length === 3);
  expect(deaths[0]).toBeUndefined();
  expect(deaths[2]).toMatchObject([
    { queue: wait, reason: "expired", count: 2 },
    { queue: work, reason: "rejected", count: 2 },
  ]);
});

test("a message that would expire round a cycle for ever is dropped", async () => {
  const channel = await amqplibConfirmChannel(target.url);
  const queue = freshName("cycle");
  const witness = (await channel.assertQueue("", { exclusive: true })).queue;
  const exchange = freshName("cycle");
  await channel.assertExchange(exchange, "fanout", { autoDelete: true, durable: false });
  await channel.assertQueue(queue, { exclusive: true, messageTtl: 10, deadLetterExchange: exchange });
  await channel.bindQueue(queue, exchange, "");
  await channel.bindQueue(witness, exchange, "");
  const inbox = await messagesOf(channel, witness, { noAck: true });
  channel.sendToQueue(queue, Buffer.from("once"));
  channel.sendToQueue(queue, Buffer.from("twice"));
  await inbox.first(2);
  await waitFor("an empty queue", async () => (await channel.checkQueue(queue)).messageCount === 0);
  expect(texts(inbox.items)).toEqual(["once", "twice"]);
});

test("a dead-letter exchange that is not there loses the message and nothing else", async () => {
  const channel = await amqplibConfirmChannel(target.url);
  const { queue } = await channel.assertQueue("", { exclusive: true, deadLetterExchange: freshName("nowhere") });
  channel.sendToQueue(queue, Buffer.from("lost"), { expiration: "0" });
  channel.sendToQueue(queue, Buffer.from("kept"));
  expect(texts(await (await messagesOf(channel, queue)).first(1))).toEqual(["kept"]);
});
