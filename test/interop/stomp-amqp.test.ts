import type { IMessage } from "@stomp/stompjs";
import type { ConsumeMessage } from "amqplib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { amqplibChannel, amqplibConfirmChannel, messagesOf, texts } from "../harness/amqplib-client.ts";
import { startBrokerProcess, temporaryDataDir } from "../harness/broker-process.ts";
import { nth } from "../harness/nth.ts";
import { type StompjsClient, stompjsClient } from "../harness/stompjs-client.ts";
import { startStompTarget, type StompTarget } from "../harness/stomp-target.ts";
import { freshName } from "../harness/target.ts";
import { waitFor } from "../harness/waiting.ts";

let target: StompTarget;
beforeAll(async () => {
  target = await startStompTarget();
});
afterAll(() => target.close());

/** The message that amqplib gets of one that a STOMP client sent with `headers`, and with a receipt. */
async function received(headers: Readonly<Record<string, string>>): Promise<ConsumeMessage> {
  const queue = freshName("stomp-amqp");
  const stomp = await stompjsClient(target);
  await stomp.send(`/queue/${queue}`, "body", headers);
  const channel = await amqplibChannel(target.url);
  const [message] = await (await messagesOf(channel, queue, { noAck: true })).first(1);
  await channel.deleteQueue(queue);
  expect(message?.content.toString()).toBe("body");
  return message as ConsumeMessage;
}

test("every other header stays a header, of type long string, whatever characters are in it", async () => {
  const headers = { colour: "grün", odd: "c:\\d\ne\rf", number: "42", empty: "", "x-own": "x" };
  expect((await received(headers)).properties.headers).toEqual(headers);
});

test("headers about the frame do not leak into the message", async () => {
  const queue = freshName("leak");
  const stomp = await stompjsClient(target);
  const transaction = stomp.client.begin();
  await stomp.send(`/queue/${queue}`, "body", { transaction: transaction.id, kept: "yes" });
  transaction.commit();
  const [message] = await (await messagesOf(await amqplibChannel(target.url), queue, { noAck: true })).first(1);
  expect(message?.properties.headers).toEqual({ kept: "yes" });
});

test("bodies arrive byte for byte: text, bytes, none, and 3 MiB", async () => {
  const big = Buffer.alloc(3 << 20, "jackalope\0");
  const bodies = ["grün ✓ 🐇", "", Buffer.from([0, 10, 13, 0, 255, 0]), big];
  const queue = freshName("bodies");
  const stomp = await stompjsClient(target);
  for (const body of bodies) await stomp.send(`/queue/${queue}`, body);
  const split = await stompjsClient(target, { splitLargeFrames: true, maxWebSocketChunkSize: 16_384 });
  await split.send(`/queue/${queue}`, big);
  const messages = await (await messagesOf(await amqplibChannel(target.url), queue, { noAck: true })).first(5);
  for (const [index, body] of [...bodies, big].entries()) {
    expect(Buffer.compare(nth(messages, index).content, Buffer.from(body as string))).toBe(0);
  }
});

test("destinations are exchanges, topics and queues of AMQP", async () => {
  const [queue, exchange] = [freshName("destinations"), freshName("exchange")];
  const channel = await amqplibChannel(target.url);
  await channel.assertQueue(queue);
  await channel.assertExchange(exchange, "direct", { autoDelete: true });
  await channel.bindQueue(queue, exchange, "a/b");
  await channel.bindQueue(queue, "amq.topic", `${queue}.*.ü`);
  const stomp = await stompjsClient(target);
  const destinations = [
    `/queue/${queue}`,
    `/amq/queue/${queue}`,
    `/reply-queue/${queue}`,
    `/exchange/${exchange}/a%2Fb`,
    `/topic/${queue}.word.%C3%BC`,
  ];
  for (const destination of destinations) await stomp.send(destination, destination);
  const messages = await (await messagesOf(channel, queue, { noAck: true })).first(5);
  expect(texts(messages)).toEqual(destinations);
  expect(messages.map(({ fields }) => [fields.exchange, fields.routingKey])).toEqual([
    ["", queue],
    ["", queue],
    ["", queue],
    [exchange, "a/b"],
    ["amq.topic", `${queue}.word.ü`],
  ]);
  await channel.deleteQueue(queue);
});

test("priorities that a STOMP client gives count in an AMQP queue", async () => {
  const queue = freshName("priority");
  const channel = await amqplibChannel(target.url);
  await channel.assertQueue(queue, { maxPriority: 5 });
  const stomp = await stompjsClient(target);
  for (const priority of ["1", "5", "3"]) await stomp.send(`/amq/queue/${queue}`, priority, { priority });
  await stomp.send(`/amq/queue/${queue}`, "none");
  expect(texts(await (await messagesOf(channel, queue)).first(4))).toEqual(["5", "3", "1", "none"]);
  await channel.deleteQueue(queue);
});

test("an expiration that a STOMP client gives lets the message die", async () => {
  const [queue, dead] = [freshName("expiring"), freshName("dead")];
  const channel = await amqplibChannel(target.url);
  await channel.assertQueue(dead);
  await channel.assertQueue(queue, { deadLetterExchange: "", deadLetterRoutingKey: dead });
  const stomp = await stompjsClient(target);
  await stomp.send(`/amq/queue/${queue}`, "late", { expiration: "1", kept: "yes" });
  const [message] = await (await messagesOf(channel, dead)).first(1);
  expect(message?.properties).toMatchObject({
    expiration: undefined,
    headers: { kept: "yes", "x-death": [{ reason: "expired", queue, "original-expiration": "1", count: 1 }] },
  });
  for (const name of [queue, dead]) await channel.deleteQueue(name);
});

test("headers of SUBSCRIBE are arguments of the queue, those that RabbitMQ forgets among them", async () => {
  const queue = freshName("arguments");
  const stomp = await stompjsClient(target);
  const headers = { "x-max-length": "2", "x-overflow": "reject-publish", "x-single-active-consumer": "true" };
  await stomp.subscribe(`/queue/${queue}`, { ...headers, ack: "client-individual" });
  const channel = await amqplibChannel(target.url);
  // Other arguments would close the channel.
  await channel.assertQueue(queue, {
    arguments: { "x-max-length": 2, "x-overflow": "reject-publish", "x-single-active-consumer": true },
  });
  await channel.deleteQueue(queue);
});

test("a STOMP client calls an AMQP service over a reply queue", async () => {
  const queue = freshName("service");
  const channel = await amqplibChannel(target.url);
  await channel.assertQueue(queue);
  await channel.consume(queue, (request) => {
    if (request === null) return;
    const { replyTo, correlationId } = request.properties;
    const answer = Buffer.from(request.content.toString().toUpperCase());
    channel.sendToQueue(replyTo as string, answer, { correlationId: correlationId as string });
    channel.ack(request);
  });
  const stomp = await stompjsClient(target);
  for (const question of ["one", "two"]) {
    await stomp.send(`/amq/queue/${queue}`, question, {
      "reply-to": "/temp-queue/answers",
      "correlation-id": question,
    });
  }
  const replies = await stomp.replies.first(2);
  expect(replies.map(({ body, headers }) => [body, headers["correlation-id"], headers["subscription"]])).toEqual([
    ["ONE", "one", "/temp-queue/answers"],
    ["TWO", "two", "/temp-queue/answers"],
  ]);
  await channel.deleteQueue(queue);
});

test("a transaction of STOMP is seen by AMQP when it is committed, and never when it is aborted", async () => {
  const queue = freshName("transaction");
  const channel = await amqplibChannel(target.url);
  await channel.assertQueue(queue);
  const stomp = await stompjsClient(target);
  const waiting = async (): Promise<number> => (await channel.checkQueue(queue)).messageCount;
  const aborted = stomp.client.begin();
  await stomp.send(`/queue/${queue}`, "aborted", { transaction: aborted.id });
  aborted.abort();
  const committed = stomp.client.begin();
  await stomp.send(`/queue/${queue}`, "first", { transaction: committed.id });
  await stomp.send(`/queue/${queue}`, "second", { transaction: committed.id });
  expect(await waiting()).toBe(0);
  committed.commit();
  const [first] = await (await stomp.subscribe(`/queue/${queue}`, { ack: "client", "prefetch-count": "1" })).first(1);
  const taking = stomp.client.begin();
  await stomp.send(`/queue/${queue}`, "from the first", { transaction: taking.id });
  first?.ack({ transaction: taking.id });
  taking.abort();
  await stomp.disconnect();
  const left = await (await messagesOf(channel, queue, { noAck: true })).first(2);
  expect(left.map(({ content, fields }) => [content.toString(), fields.redelivered])).toEqual([
    ["first", true],
    ["second", false],
  ]);
  await channel.deleteQueue(queue);
});

describe("what a STOMP client did not acknowledge goes to AMQP", () => {
  /** Queues four messages by AMQP, gives a STOMP subscriber all of them, and returns what AMQP finds after it is gone. */
  async function leftAfter(
    ack: string,
    settle: (stomp: StompjsClient, messages: readonly IMessage[]) => Promise<void>,
  ): Promise<readonly (readonly [string, boolean])[]> {
    const queue = freshName("acknowledged");
    const channel = await amqplibConfirmChannel(target.url);
    await channel.assertQueue(queue);
    for (const text of ["1", "2", "3", "4"]) channel.sendToQueue(queue, Buffer.from(text));
    await channel.waitForConfirms();
    const stomp = await stompjsClient(target);
    const messages = await stomp.subscribe(`/queue/${queue}`, { ack });
    await settle(stomp, await messages.first(4));
    await stomp.disconnect();
    channel.sendToQueue(queue, Buffer.from("end"));
    const left = await messagesOf(channel, queue, { noAck: true });
    await waitFor("the last message", () => texts(left.items).includes("end"));
    await channel.deleteQueue(queue);
    return left.items.slice(0, -1).map(({ content, fields }) => [content.toString(), fields.redelivered] as const);
  }

  test("in mode auto: nothing", async () => {
    expect(await leftAfter("auto", () => Promise.resolve())).toEqual([]);
  });

  test("in mode client: what is later than the acknowledged one", async () => {
    const left = await leftAfter("client", (stomp, messages) => stomp.ack(nth(messages, 2)));
    expect(left).toEqual([["4", true]]);
  });

  test("in mode client-individual: all but the acknowledged ones", async () => {
    const left = await leftAfter("client-individual", async (stomp, messages) => {
      await stomp.ack(nth(messages, 0));
      await stomp.ack(nth(messages, 2));
    });
    expect(left).toEqual([
      ["2", true],
      ["4", true],
    ]);
  });

  test("refused without requeue: not even that", async () => {
    const left = await leftAfter("client-individual", async (stomp, messages) => {
      await stomp.nack(nth(messages, 1), { requeue: "false" });
      await stomp.ack(nth(messages, 3));
    });
    expect(left).toEqual([
      ["1", true],
      ["3", true],
    ]);
  });
});

test("what a STOMP client refuses goes to the dead-letter queue, or comes again", async () => {
  const [queue, dead] = [freshName("refused"), freshName("dead")];
  const channel = await amqplibChannel(target.url);
  await channel.assertQueue(dead);
  await channel.assertQueue(queue, { deadLetterExchange: "", deadLetterRoutingKey: dead });
  const stomp = await stompjsClient(target);
  const messages = await stomp.subscribe(`/amq/queue/${queue}`, { ack: "client-individual" });
  channel.sendToQueue(queue, Buffer.from("bad"));
  await stomp.nack(nth(await messages.first(1), 0));
  const again = nth(await messages.first(2), 1);
  expect([again.body, again.headers["redelivered"]]).toEqual(["bad", "true"]);
  await stomp.nack(again, { requeue: "false" });
  const [letter] = await (await messagesOf(channel, dead)).first(1);
  expect(letter?.properties.headers).toMatchObject({ "x-death": [{ reason: "rejected", queue }] });
  for (const name of [queue, dead]) await channel.deleteQueue(name);
});

test("a subscription with no-local gets AMQP's messages and not its own connection's", async () => {
  const topic = freshName("local");
  const stomp = await stompjsClient(target);
  const others = await stomp.subscribe(`/topic/${topic}`, { "no-local": "true" });
  const all = await stomp.subscribe(`/topic/${topic}`);
  await stomp.send(`/topic/${topic}`, "mine");
  const channel = await amqplibChannel(target.url);
  channel.publish("amq.topic", topic, Buffer.from("yours"));
  expect((await all.first(2)).map((message) => message.body)).toEqual(["mine", "yours"]);
  expect((await others.first(1)).map((message) => message.body)).toEqual(["yours"]);
});

test("after a receipt a persistent message outlives kill -9, as after AMQP's confirm", async () => {
  const dataDir = await temporaryDataDir();
  const before = await startBrokerProcess(dataDir);
  const stomp = await stompjsClient({
    webSocketUrl: `ws://127.0.0.1:${before.stompWsPort}/ws`,
    username: "guest",
    password: "guest",
  });
  await stomp.send("/queue/kept", "transient");
  await stomp.send("/queue/kept", "persistent", { persistent: "true", colour: "red" });
  await before.end("SIGKILL");
  const after = await startBrokerProcess(dataDir);
  const channel = await amqplibChannel(after.url);
  expect((await channel.checkQueue("kept")).messageCount).toBe(1);
  const [message] = await (await messagesOf(channel, "kept")).first(1);
  expect(message?.content.toString()).toBe("persistent");
  expect(message?.properties).toMatchObject({ deliveryMode: 2, headers: { colour: "red" } });
});
