import { afterAll, beforeAll, expect, test } from "vitest";
import { amqplibChannel, amqplibConfirmChannel } from "../harness/amqplib-client.ts";
import { nth } from "../harness/nth.ts";
import { stompjsClient } from "../harness/stompjs-client.ts";
import { startStompTarget, type StompTarget } from "../harness/stomp-target.ts";
import { freshName } from "../harness/target.ts";

let target: StompTarget;
beforeAll(async () => {
  target = await startStompTarget();
});
afterAll(() => target.close());

test("x-death tells a STOMP client why and where a message died", async () => {
  const [work, dead] = [freshName("work"), freshName("dead")];
  const channel = await amqplibConfirmChannel(target.url);
  await channel.assertQueue(work, { messageTtl: 1, deadLetterExchange: "", deadLetterRoutingKey: dead });
  const stomp = await stompjsClient(target);
  const messages = await stomp.subscribe(`/queue/${dead}`);
  channel.sendToQueue(work, Buffer.from("late"), { headers: { kept: true } });
  const message = nth(await messages.first(1), 0);
  expect(message.headers).toMatchObject({
    kept: "true",
    "x-first-death-reason": "expired",
    "x-first-death-queue": work,
  });
  const deaths = JSON.parse(message.headers["x-death"] ?? "") as unknown;
  const death = { reason: "expired", queue: work, exchange: "", count: 1, "routing-keys": [work] };
  expect(deaths).toEqual([{ ...death, time: expect.any(Number) as number }]);
  for (const queue of [work, dead]) await channel.deleteQueue(queue);
});

test("the destination says where the message was published to", async () => {
  const [queue, exchange] = [freshName("destinations"), freshName("exchange")];
  const channel = await amqplibChannel(target.url);
  await channel.assertQueue(queue);
  await channel.assertExchange(exchange, "fanout", { autoDelete: true });
  await channel.bindQueue(queue, "amq.topic", `${queue}.#`);
  await channel.bindQueue(queue, exchange, "");
  const stomp = await stompjsClient(target);
  const messages = await stomp.subscribe(`/amq/queue/${queue}`);
  channel.sendToQueue(queue, Buffer.from("default"));
  channel.publish("amq.topic", `${queue}.one`, Buffer.from("topic"));
  channel.publish(exchange, "", Buffer.from("exchange"));
  channel.publish(exchange, "a/b %ü", Buffer.from("encoded"));
  expect((await messages.first(4)).map((message) => [message.body, message.headers["destination"]])).toEqual([
    ["default", `/queue/${queue}`],
    ["topic", `/topic/${queue}.one`],
    ["exchange", `/exchange/${exchange}`],
    ["encoded", `/exchange/${exchange}/a%2Fb %25%C3%BC`],
  ]);
  await channel.deleteQueue(queue);
});

test("bodies arrive byte for byte: text, bytes, none, and 3 MiB", async () => {
  const bodies = ["grün ✓ 🐇", "", Buffer.from([0, 10, 13, 0, 255, 0]), Buffer.alloc(3 << 20, "jackalope\0")];
  const queue = freshName("bodies");
  const channel = await amqplibConfirmChannel(target.url);
  await channel.assertQueue(queue);
  for (const body of bodies) channel.sendToQueue(queue, Buffer.from(body as string));
  const stomp = await stompjsClient(target);
  const messages = await (await stomp.subscribe(`/queue/${queue}`)).first(4);
  expect(nth(messages, 0).body).toBe(bodies[0]);
  for (const [index, message] of messages.entries()) {
    const sent = Buffer.from(nth(bodies, index) as string);
    expect(Buffer.compare(Buffer.from(message.binaryBody), sent)).toBe(0);
    expect(message.headers["content-length"]).toBe(String(sent.length));
  }
  await channel.deleteQueue(queue);
});

test("a big body comes between small ones, in order, to a client that gets one message at a time", async () => {
  const queue = freshName("order");
  const channel = await amqplibConfirmChannel(target.url);
  await channel.assertQueue(queue);
  const sizes = [1, 1 << 20, 2, 1 << 21, 3];
  for (const size of sizes) channel.sendToQueue(queue, Buffer.alloc(size, size));
  const stomp = await stompjsClient(target);
  const headers = { ack: "client-individual", "prefetch-count": "1" };
  const messages = await stomp.subscribe(`/queue/${queue}`, headers);
  for (const index of sizes.keys()) {
    const received = await messages.first(index + 1);
    expect(received.length).toBe(index + 1);
    await stomp.ack(nth(received, index));
  }
  expect(messages.items.map((message) => message.binaryBody.length)).toEqual(sizes);
  await channel.deleteQueue(queue);
});

test("a selector picks among AMQP messages by the type of their headers", async () => {
  const topic = freshName("selected");
  const stomp = await stompjsClient(target);
  const picked = await stomp.subscribe(`/topic/${topic}.*`, { selector: "colour IN ('red', 'blue') AND weight > 2.5" });
  const all = await stomp.subscribe(`/topic/${topic}.*`);
  const channel = await amqplibChannel(target.url);
  const animals = [
    ["light", "red", 2],
    ["heavy", "red", 3],
    ["green", "green", 9],
    ["double", "blue", 2.75],
    ["text", "blue", "3"],
  ] as const;
  for (const [name, colour, weight] of animals) {
    channel.publish("amq.topic", `${topic}.x`, Buffer.from(name), { headers: { colour, weight } });
  }
  channel.publish("amq.topic", `${topic}.x`, Buffer.from("no headers"));
  channel.publish("amq.topic", `${topic}.x`, Buffer.from("last"), { headers: { colour: "red", weight: 100 } });
  await all.first(7);
  // What a STOMP client sends has no types: its text is read as the number that it is compared with.
  await stomp.send(`/topic/${topic}.x`, "from STOMP", { colour: "red", weight: "3" });
  await all.first(8);
  const bodies = (await picked.first(4)).map((message) => message.body);
  expect(bodies).toEqual(["heavy", "double", "last", "from STOMP"]);
});

test("a durable topic subscription keeps what AMQP publishes while its page is away, until it is ended", async () => {
  const [topic, queue] = [freshName("news"), freshName("news-queue")];
  const headers = { id: "news", durable: "true", "auto-delete": "false", "x-queue-name": queue };
  const before = await stompjsClient(target);
  await before.subscribe(`/topic/${topic}.#`, headers);
  await before.disconnect();
  const channel = await amqplibConfirmChannel(target.url);
  for (const text of ["one", "two"]) channel.publish("amq.topic", `${topic}.${text}`, Buffer.from(text));
  await channel.waitForConfirms();
  const after = await stompjsClient(target);
  const messages = await after.subscribe(`/topic/${topic}.#`, headers);
  expect((await messages.first(2)).map((message) => message.body)).toEqual(["one", "two"]);
  await after.unsubscribe("news", { durable: "true" });
  await expect(channel.checkQueue(queue)).rejects.toThrow("404");
});

test("an AMQP client calls a STOMP service over a queue of its own, and over direct reply-to", async () => {
  const queue = freshName("service");
  const service = await stompjsClient(target);
  service.client.subscribe(`/queue/${queue}`, (request) => {
    const { "reply-to": destination = "", "correlation-id": correlationId = "" } = request.headers;
    const headers = { "correlation-id": correlationId, "content-type": "text/plain" };
    service.client.publish({ destination, headers, body: request.body.toUpperCase() });
  });
  const channel = await amqplibChannel(target.url);
  const { queue: own } = await channel.assertQueue("", { exclusive: true });
  for (const replyTo of [own, "amq.rabbitmq.reply-to"]) {
    const answer = new Promise((resolve) => {
      void channel.consume(replyTo, resolve, { noAck: true }).then(() => {
        channel.sendToQueue(queue, Buffer.from("question"), { replyTo, correlationId: `for ${replyTo}` });
      });
    });
    expect(await answer).toMatchObject({
      content: Buffer.from("QUESTION"),
      properties: { correlationId: `for ${replyTo}`, contentType: "text/plain" },
    });
  }
  await service.disconnect();
  await channel.deleteQueue(queue);
});

test("a queue that AMQP deletes is an ERROR that names the subscription", async () => {
  const queue = freshName("deleted");
  const stomp = await stompjsClient(target);
  await stomp.subscribe(`/queue/${queue}`, { id: "the one" });
  await (await amqplibChannel(target.url)).deleteQueue(queue);
  const error = nth(await stomp.errors.first(1), 0);
  expect(error.headers).toMatchObject({ message: "Server cancelled subscription", subscription: "the one" });
  expect(error.body).toContain("id='the one'");
});
