import { type Channel } from "amqplib";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  amqplibChannel,
  amqplibConfirmChannel,
  amqplibConnection,
  consumeInto,
  messagesOf,
  texts,
} from "../../harness/amqplib-client.ts";
import { nth } from "../../harness/nth.ts";
import { freshName, startTarget, type Target } from "../../harness/target.ts";
import { Inbox, once, waitFor } from "../../harness/waiting.ts";

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

/** Publishes the texts and returns when all of them are in the queue. */
async function fill(queue: string, bodies: readonly string[], options: { priority?: number } = {}): Promise<void> {
  const channel = await amqplibConfirmChannel(target.url);
  for (const body of bodies) channel.sendToQueue(queue, Buffer.from(body), options);
  await channel.waitForConfirms();
}

const numbers = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => String(index));

/** A queue of this connection with a channel each for declaring and consuming. */
async function queueAndChannels(
  options: object = {},
): Promise<{ queue: string; channel: Channel; consuming: Channel }> {
  const connection = await amqplibConnection(target.url);
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue(freshName("delivery"), { durable: false, autoDelete: true, ...options });
  return { queue, channel, consuming: await connection.createChannel() };
}

test("a consumer holds no more than its prefetch, and each acknowledgement brings one more", async () => {
  const { queue, channel, consuming } = await queueAndChannels();
  await fill(queue, numbers(10));
  await consuming.prefetch(3);
  const inbox = await messagesOf(consuming, queue);
  const held = await inbox.first(3);
  expect((await channel.checkQueue(queue)).messageCount).toBe(7);
  consuming.ack(nth(held, 0));
  await inbox.first(4);
  consuming.ack(nth(inbox.items, 3), true);
  await inbox.first(7);
  expect((await channel.checkQueue(queue)).messageCount).toBe(3);
  expect(texts(inbox.items)).toEqual(numbers(7));
});

test("the prefetch is each consumer's own; a global one is shared by the channel", async () => {
  const { queue, channel, consuming } = await queueAndChannels();
  await fill(queue, numbers(20));
  await consuming.prefetch(2);
  const own = [await messagesOf(consuming, queue), await messagesOf(consuming, queue)];
  for (const inbox of own) await inbox.first(2);
  expect((await channel.checkQueue(queue)).messageCount).toBe(16);
  const shared = await (await amqplibConnection(target.url)).createChannel();
  await shared.prefetch(3, true);
  const both = new Inbox<unknown>("messages of either consumer");
  for (let consumer = 0; consumer < 2; consumer++) await shared.consume(queue, both.push);
  await both.first(3);
  expect((await channel.checkQueue(queue)).messageCount).toBe(13);
});

test("two consumers take turns", async () => {
  const { queue, consuming } = await queueAndChannels();
  const inboxes = [await messagesOf(consuming, queue), await messagesOf(consuming, queue)];
  await fill(queue, numbers(10));
  for (const inbox of inboxes) await inbox.first(5);
});

test("a consumer of higher priority gets everything until its prefetch is used up", async () => {
  const { queue, consuming } = await queueAndChannels();
  await consuming.prefetch(4);
  const low = await messagesOf(consuming, queue, { priority: -1 });
  const high = await messagesOf(consuming, queue, { priority: 5 });
  await fill(queue, numbers(6));
  expect(texts(await high.first(4))).toEqual(numbers(4));
  expect(texts(await low.first(2))).toEqual(["4", "5"]);
});

test("a message given back comes again, marked, and before those behind it", async () => {
  const { queue, consuming } = await queueAndChannels();
  await fill(queue, numbers(5));
  await consuming.prefetch(2);
  const inbox = await messagesOf(consuming, queue);
  const [first, second] = await inbox.first(2);
  expect([first?.fields.redelivered, second?.fields.redelivered]).toEqual([false, false]);
  if (first === undefined || second === undefined) throw new Error("two messages were there");
  consuming.nack(second, false, true);
  const again = nth(await inbox.first(3), 2);
  expect(again.content.toString()).toBe("1");
  expect(again.fields.redelivered).toBe(true);
  consuming.ack(again);
  consuming.ack(first);
  expect(texts((await inbox.first(5)).slice(3))).toEqual(["2", "3"]);
});

test("all that a closed channel held comes again in the old order", async () => {
  const connection = await amqplibConnection(target.url);
  const [holding, other] = [await connection.createChannel(), await connection.createChannel()];
  const { queue } = await holding.assertQueue("", { exclusive: true });
  for (const body of numbers(6)) holding.sendToQueue(queue, Buffer.from(body));
  await holding.prefetch(4);
  await (await messagesOf(holding, queue)).first(4);
  await holding.close();
  const messages = await (await messagesOf(other, queue)).first(6);
  expect(texts(messages)).toEqual(numbers(6));
  expect(messages.map((message) => message.fields.redelivered)).toEqual([true, true, true, true, false, false]);
});

test("recover brings back what was not acknowledged", async () => {
  const { queue, consuming } = await queueAndChannels();
  await fill(queue, numbers(3));
  const inbox = await messagesOf(consuming, queue);
  consuming.ack(nth(await inbox.first(3), 0));
  await consuming.recover();
  const again = (await inbox.first(5)).slice(3);
  expect(texts(again)).toEqual(["1", "2"]);
  expect(again.every((message) => message.fields.redelivered)).toBe(true);
});

test("a rejected message without a dead-letter exchange is gone", async () => {
  const { queue, channel, consuming } = await queueAndChannels();
  await fill(queue, ["bad", "good"]);
  const inbox = await messagesOf(consuming, queue);
  const [bad, good] = await inbox.first(2);
  if (bad === undefined || good === undefined) throw new Error("two messages were there");
  consuming.reject(bad, false);
  consuming.nack(good, false, true);
  const again = nth(await inbox.first(3), 2);
  expect(again.content.toString()).toBe("good");
  consuming.ack(again);
  await waitFor("an empty queue", async () => (await channel.checkQueue(queue)).messageCount === 0);
});

test("get takes one message at a time and says how many are left", async () => {
  const { queue, channel } = await queueAndChannels({ autoDelete: false, exclusive: true });
  await expect(channel.get(queue)).resolves.toBe(false);
  for (const body of numbers(3)) channel.sendToQueue(queue, Buffer.from(body));
  await waitFor("three messages", async () => (await channel.checkQueue(queue)).messageCount === 3);
  const first = await waitFor("a message", () => channel.get(queue));
  expect(first.content.toString()).toBe("0");
  expect(first.fields).toMatchObject({ messageCount: 2, redelivered: false, exchange: "", routingKey: queue });
  const second = await waitFor("a message", () => channel.get(queue, { noAck: true }));
  expect(second.fields.messageCount).toBe(1);
  channel.nack(first);
  const again = await waitFor("the message given back", () => channel.get(queue));
  expect(again.content.toString()).toBe("0");
  expect(again.fields.redelivered).toBe(true);
});

test("a priority queue delivers higher priorities first, and equal ones in order", async () => {
  const { queue, consuming } = await queueAndChannels({ arguments: { "x-max-priority": 5 } });
  await fill(queue, ["none a", "none b"]);
  await fill(queue, ["one"], { priority: 1 });
  await fill(queue, ["five a"], { priority: 5 });
  // Above the queue's highest counts as the highest.
  await fill(queue, ["nine"], { priority: 9 });
  await fill(queue, ["five b"], { priority: 5 });
  const messages = await (await messagesOf(consuming, queue)).first(6);
  expect(texts(messages)).toEqual(["five a", "nine", "five b", "one", "none a", "none b"]);
});

test("a consumer hears of it when its queue is deleted", async () => {
  const { queue, channel, consuming } = await queueAndChannels();
  const inbox = await consumeInto(consuming, queue);
  await channel.deleteQueue(queue);
  expect(await inbox.first(1)).toEqual([null]);
  // The channel goes on.
  await consuming.assertQueue("", { exclusive: true });
});

test("a cancelled consumer gets nothing more, and what it holds may still be acknowledged", async () => {
  const { queue, channel, consuming } = await queueAndChannels({ autoDelete: false, exclusive: true });
  await consuming.prefetch(1);
  const inbox = new Inbox<Parameters<Channel["ack"]>[0]>("messages");
  const { consumerTag } = await consuming.consume(queue, (message) => message !== null && inbox.push(message));
  expect(consumerTag).toMatch(/^amq\.ctag-[\w-]{22}$/);
  for (const body of ["held", "left"]) channel.sendToQueue(queue, Buffer.from(body));
  const held = nth(await inbox.first(1), 0);
  await consuming.cancel(consumerTag);
  consuming.ack(held);
  await consuming.checkQueue(queue);
  await waitFor("one message", async () => (await channel.checkQueue(queue)).messageCount === 1);
  const left = await waitFor("the message that is left", () => channel.get(queue));
  expect(left.content.toString()).toBe("left");
  expect(inbox.items.length).toBe(1);
});

test("a single active consumer is followed by the next one when it goes", async () => {
  const { queue, consuming } = await queueAndChannels({ arguments: { "x-single-active-consumer": true } });
  const inboxes: string[][] = [[], []];
  const tags: string[] = [];
  for (const inbox of inboxes) {
    const consumer = await consuming.consume(queue, (message) => message && inbox.push(message.content.toString()), {
      noAck: true,
    });
    tags.push(consumer.consumerTag);
  }
  await fill(queue, numbers(5));
  await waitFor("five messages for the first", () => inboxes[0]?.length === 5);
  expect(inboxes[1]).toEqual([]);
  await consuming.cancel(nth(tags, 0));
  await fill(queue, ["5", "6"]);
  await waitFor("two messages for the second", () => inboxes[1]?.length === 2);
  expect(inboxes).toEqual([numbers(5), ["5", "6"]]);
});

test("a request gets its answer over direct reply-to", async () => {
  const server = await amqplibChannel(target.url);
  const { queue } = await server.assertQueue(freshName("rpc"), { autoDelete: true, durable: false });
  await server.consume(
    queue,
    (request) => {
      if (request === null) return;
      const { replyTo, correlationId } = request.properties as { replyTo: string; correlationId: string };
      expect(replyTo).toMatch(/^amq\.rabbitmq\.reply-to\../);
      const answer = Buffer.from(String(Number(request.content.toString()) ** 2));
      server.sendToQueue(replyTo, answer, { correlationId });
    },
    { noAck: true },
  );
  const client = await amqplibChannel(target.url);
  const answers = await messagesOf(client, "amq.rabbitmq.reply-to", { noAck: true });
  for (const number of [3, 4, 5]) {
    client.sendToQueue(queue, Buffer.from(String(number)), {
      replyTo: "amq.rabbitmq.reply-to",
      correlationId: `square of ${number}`,
    });
  }
  const received = await answers.first(3);
  expect(texts(received)).toEqual(["9", "16", "25"]);
  expect(received.map((message) => message.properties.correlationId as string)).toEqual(
    [3, 4, 5].map((number) => `square of ${number}`),
  );
});

test("a quorum queue counts deliveries and gives up at its limit", async () => {
  const connection = await amqplibConnection(target.url);
  const channel = await connection.createConfirmChannel();
  const dead = (await channel.assertQueue("", { exclusive: true })).queue;
  const { queue } = await channel.assertQueue(freshName("quorum"), {
    arguments: { "x-queue-type": "quorum", "x-delivery-limit": 3 },
    deadLetterExchange: "",
    deadLetterRoutingKey: dead,
  });
  channel.sendToQueue(queue, Buffer.from("poison"), { persistent: true });
  await channel.waitForConfirms();
  const counts: unknown[] = [];
  await channel.consume(queue, (message) => {
    if (message === null) return;
    counts.push(message.properties.headers?.["x-delivery-count"]);
    channel.reject(message, true);
  });
  const [buried] = await (await messagesOf(channel, dead)).first(1);
  expect(counts).toEqual([undefined, 1, 2, 3]);
  expect(buried?.properties.headers?.["x-first-death-reason"]).toBe("delivery_limit");
  await channel.deleteQueue(queue);
});

test("a slow consumer does not keep a fast one waiting", async () => {
  const { queue, consuming } = await queueAndChannels();
  const slow = await (await amqplibConnection(target.url)).createChannel();
  await slow.prefetch(1);
  await slow.consume(queue, () => undefined);
  const fast = new Inbox<unknown>("messages of the fast one");
  await consuming.consume(queue, (message) => {
    if (message === null) return;
    fast.push(message);
    consuming.ack(message);
  });
  await fill(queue, numbers(50));
  await fast.first(49);
});

test("closing a connection in the middle of a delivery gives everything back", async () => {
  const channel = await amqplibChannel(target.url);
  const { queue } = await channel.assertQueue(freshName("given-back"), { durable: false });
  await fill(queue, numbers(500));
  const leaving = await amqplibConnection(target.url);
  const holding = await leaving.createChannel();
  const closed = once<void>("the close", (happened) => leaving.once("close", () => happened()));
  await (await messagesOf(holding, queue)).first(100);
  await leaving.close();
  await closed;
  const messages = await (await messagesOf(channel, queue, { noAck: true })).first(500);
  expect(texts(messages)).toEqual(numbers(500));
  await channel.deleteQueue(queue);
});
