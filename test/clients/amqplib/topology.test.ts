import { type Channel } from "amqplib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { amqplibChannel, amqplibConnection, messagesOf, quiet, texts } from "../../harness/amqplib-client.ts";
import { freshName, startTarget, type Target } from "../../harness/target.ts";
import { waitFor } from "../../harness/waiting.ts";

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

test("a queue without a name gets one from the server", async () => {
  const channel = await amqplibChannel(target.url);
  const first = await channel.assertQueue("", { exclusive: true });
  const second = await channel.assertQueue("", { exclusive: true });
  expect(first.queue).toMatch(/^amq\.gen-[\w-]{22}$/);
  expect(second.queue).not.toBe(first.queue);
});

test("an empty name means the queue declared last on the channel", async () => {
  const channel = await amqplibChannel(target.url);
  const { queue } = await channel.assertQueue("", { exclusive: true });
  await channel.bindQueue("", "amq.direct", queue);
  channel.publish("amq.direct", queue, Buffer.from("for the last one"));
  const message = await waitFor("the message", () => channel.get(""));
  expect(message.content.toString()).toBe("for the last one");
});

test("a declaration counts messages and consumers, and only messages that are ready", async () => {
  const connection = await amqplibConnection(target.url);
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue("", { exclusive: true });
  for (let index = 0; index < 5; index++) channel.sendToQueue(queue, Buffer.from(`${index}`));
  await waitFor("five messages", async () => (await channel.checkQueue(queue)).messageCount === 5);
  const consuming = await connection.createChannel();
  await consuming.prefetch(2);
  await (await messagesOf(consuming, queue)).first(2);
  expect(await channel.checkQueue(queue)).toEqual({ queue, messageCount: 3, consumerCount: 1 });
  expect(await channel.purgeQueue(queue)).toEqual({ messageCount: 3 });
  expect(await channel.deleteQueue(queue)).toEqual({ messageCount: 0 });
});

test("deleting what is not there is fine, and so is removing a binding that is not there", async () => {
  const channel = await amqplibChannel(target.url);
  expect(await channel.deleteQueue(freshName("missing"))).toEqual({ messageCount: 0 });
  await channel.deleteExchange(freshName("missing"));
  const { queue } = await channel.assertQueue("", { exclusive: true });
  await channel.unbindQueue(queue, "amq.topic", "never.bound");
});

/** Publishes one message for each key and returns, sorted, the keys that reached the queue. */
async function keysThatReach(channel: Channel, exchange: string, queue: string, keys: readonly string[]) {
  for (const key of keys) channel.publish(exchange, key, Buffer.from(key));
  channel.sendToQueue(queue, Buffer.from("the end"));
  const reached: string[] = [];
  for (;;) {
    const message = await waitFor("a message", () => channel.get(queue, { noAck: true }));
    if (message.content.toString() === "the end") return reached.sort();
    reached.push(message.content.toString());
  }
}

test("a direct exchange routes by the whole key", async () => {
  const channel = await amqplibChannel(target.url);
  const { queue } = await channel.assertQueue("", { exclusive: true });
  const exchange = freshName("direct");
  await channel.assertExchange(exchange, "direct", { autoDelete: true });
  for (const key of ["red", "blue"]) await channel.bindQueue(queue, exchange, key);
  expect(await keysThatReach(channel, exchange, queue, ["red", "green", "blue", "red.x"])).toEqual(["blue", "red"]);
});

test("a topic exchange routes by words: * is one, # is none or more", async () => {
  const channel = await amqplibChannel(target.url);
  const { queue } = await channel.assertQueue("", { exclusive: true });
  for (const pattern of ["a.#", "*.orange.*", "x..y"]) await channel.bindQueue(queue, "amq.topic", pattern);
  const keys = ["a", "a.b.c", "b.orange.c", "orange", "orange.c", "b.orange.c.d", "x..y", "x.y", "a.orange.b"];
  const reached = await keysThatReach(channel, "amq.topic", queue, keys);
  // One copy of a.orange.b, although two bindings match it.
  expect(reached).toEqual(["a", "a.b.c", "a.orange.b", "b.orange.c", "x..y"]);
});

test("a fanout exchange routes whatever the key is", async () => {
  const channel = await amqplibChannel(target.url);
  const { queue } = await channel.assertQueue("", { exclusive: true });
  const exchange = freshName("fanout");
  await channel.assertExchange(exchange, "fanout", { autoDelete: true });
  await channel.bindQueue(queue, exchange, "ignored");
  expect(await keysThatReach(channel, exchange, queue, ["", "a", "b"])).toEqual(["", "a", "b"]);
});

test("a headers exchange routes by all or by any of the headers", async () => {
  const channel = await amqplibChannel(target.url);
  const all = (await channel.assertQueue("", { exclusive: true })).queue;
  const any = (await channel.assertQueue("", { exclusive: true })).queue;
  await channel.bindQueue(all, "amq.headers", "", { "x-match": "all", format: "pdf", pages: 3 });
  await channel.bindQueue(any, "amq.headers", "", { "x-match": "any", format: "pdf", pages: 3 });
  const publish = (text: string, headers: object) => channel.publish("amq.headers", "", Buffer.from(text), { headers });
  publish("both", { format: "pdf", pages: 3, more: true });
  publish("one", { format: "pdf", pages: 4 });
  publish("none", { format: "png" });
  for (const queue of [all, any]) channel.sendToQueue(queue, Buffer.from("the end"));
  expect(texts(await (await messagesOf(channel, all)).first(2))).toEqual(["both", "the end"]);
  expect(texts(await (await messagesOf(channel, any)).first(3))).toEqual(["both", "one", "the end"]);
});

test("a message follows bindings between exchanges once, even round a cycle", async () => {
  const channel = await amqplibChannel(target.url);
  const [first, second] = [freshName("first"), freshName("second")];
  await channel.assertExchange(first, "topic", { durable: false });
  await channel.assertExchange(second, "fanout", { durable: false });
  await channel.bindExchange(second, first, "a.*");
  await channel.bindExchange(first, second, "#");
  const { queue } = await channel.assertQueue("", { exclusive: true });
  await channel.bindQueue(queue, second, "");
  expect(await keysThatReach(channel, first, queue, ["a.b", "b.a"])).toEqual(["a.b"]);
  await channel.unbindExchange(second, first, "a.*");
  expect(await keysThatReach(channel, first, queue, ["a.b"])).toEqual([]);
  await Promise.all([channel.deleteExchange(first), channel.deleteExchange(second)]);
});

test("an alternate exchange gets what the exchange could not route", async () => {
  const channel = await amqplibChannel(target.url);
  const [main, alternate] = [freshName("main"), freshName("alternate")];
  await channel.assertExchange(alternate, "fanout", { autoDelete: true });
  await channel.assertExchange(main, "direct", { autoDelete: true, alternateExchange: alternate });
  const routed = (await channel.assertQueue("", { exclusive: true })).queue;
  const unrouted = (await channel.assertQueue("", { exclusive: true })).queue;
  await channel.bindQueue(routed, main, "known");
  await channel.bindQueue(unrouted, alternate, "");
  expect(await keysThatReach(channel, main, routed, ["known", "unknown"])).toEqual(["known"]);
  expect(await keysThatReach(channel, main, unrouted, [])).toEqual(["unknown"]);
});

test("an auto-delete queue goes with its last consumer, an auto-delete exchange with its last binding", async () => {
  const connection = await amqplibConnection(target.url);
  const channel = quiet(await connection.createChannel());
  const [queue, exchange] = [freshName("auto"), freshName("auto")];
  await channel.assertQueue(queue, { autoDelete: true, durable: false });
  await channel.assertExchange(exchange, "fanout", { autoDelete: true, durable: false });
  await channel.bindQueue(queue, exchange, "");
  const first = await channel.consume(queue, () => undefined);
  const second = await channel.consume(queue, () => undefined);
  await channel.cancel(first.consumerTag);
  await channel.checkQueue(queue);
  await channel.checkExchange(exchange);
  await channel.cancel(second.consumerTag);
  const asking = quiet(await connection.createChannel());
  await expect(asking.checkQueue(queue)).rejects.toThrow("404");
  await expect(channel.checkExchange(exchange)).rejects.toThrow("404");
});

test("an exclusive queue goes with its connection", async () => {
  const owner = await amqplibConnection(target.url);
  const queue = freshName("exclusive");
  await (await owner.createChannel()).assertQueue(queue, { exclusive: true });
  await owner.close();
  const channel = await amqplibChannel(target.url);
  // Somebody else may use the name: the first one is gone.
  await waitFor("the name to be free", async () => {
    const attempt = await amqplibChannel(target.url);
    return attempt.assertQueue(queue, { exclusive: true, arguments: { "x-max-length": 1 } }).then(
      () => true,
      () => false,
    );
  });
  await channel.close();
});

test("an unused queue goes when its x-expires is over", async () => {
  const connection = await amqplibConnection(target.url);
  const queue = freshName("expires");
  await (await connection.createChannel()).assertQueue(queue, { expires: 200, durable: false });
  await waitFor("the queue to go", async () => {
    // An unused queue counts as used where somebody declares it; asking on a fresh channel for a binding does not.
    const channel = quiet(await connection.createChannel());
    return channel.bindQueue(queue, "amq.fanout", "").then(
      () => channel.close().then(() => false),
      () => true,
    );
  });
});
