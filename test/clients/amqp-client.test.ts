import {
  type AMQPBaseClient,
  type AMQPChannel,
  AMQPClient,
  type AMQPMessage,
  AMQPSession,
} from "@cloudamqp/amqp-client";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { nth } from "../harness/nth.ts";
import { freshName, startTarget, type Target } from "../harness/target.ts";
import { Inbox, waitFor } from "../harness/waiting.ts";

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

async function open(): Promise<AMQPBaseClient> {
  const client = new AMQPClient(target.url, undefined, null);
  client.onerror = () => undefined;
  const connection = await client.connect();
  onTestFinished(async () => {
    if (!connection.closed) await connection.close();
  });
  return connection;
}

/** A channel, and an exclusive queue of its connection. */
async function channelAndQueue(args: object = {}): Promise<{ channel: AMQPChannel; queue: string }> {
  const channel = await (await open()).channel();
  const { name } = await channel.queueDeclare("", { exclusive: true, durable: false, autoDelete: true }, args);
  return { channel, queue: name };
}

const ignore = (): void => undefined;

test("confirmed publishes get their numbers in order and arrive in order", async () => {
  const { channel, queue } = await channelAndQueue();
  await channel.confirmSelect();
  const sequences = await Promise.all(
    Array.from({ length: 2000 }, (_, index) => channel.basicPublish("", queue, String(index), { deliveryMode: 2 })),
  );
  expect(sequences).toEqual(Array.from({ length: 2000 }, (_, index) => index + 1));
  const inbox = new Inbox<string | null>("all messages");
  await channel.basicConsume(queue, { noAck: true }, (message) => inbox.push(message.bodyString()));
  expect(await inbox.first(2000)).toEqual(Array.from({ length: 2000 }, (_, index) => String(index)));
});

test("a message that cannot be routed comes back", async () => {
  const channel = await (await open()).channel();
  const returned = new Inbox<AMQPMessage>("the returned message");
  channel.onReturn = returned.push;
  await channel.confirmSelect();
  await channel.basicPublish("amq.topic", freshName("nowhere"), "body", {}, true);
  const message = nth(await returned.first(1), 0);
  expect(message).toMatchObject({ replyCode: 312, replyText: "NO_ROUTE", exchange: "amq.topic" });
  expect(message.bodyString()).toBe("body");
});

test("properties and headers of every type come back as they went", async () => {
  const { channel, queue } = await channelAndQueue();
  const properties = {
    contentType: "text/plain",
    contentEncoding: "identity",
    deliveryMode: 2,
    priority: 9,
    correlationId: "c",
    replyTo: "r",
    expiration: "60000",
    messageId: "m",
    timestamp: new Date(1_700_000_000_000),
    type: "t",
    userId: target.username,
    appId: "a",
    headers: {
      yes: true,
      small: 1,
      large: 2 ** 40,
      fraction: 0.5,
      text: "Grüße",
      nothing: null,
      when: new Date(1_600_000_000_000),
      list: [1, "two", [false]],
      table: { a: { b: "c" } },
    },
  };
  await channel.basicPublish("", queue, "x", properties);
  const message = await waitFor("the message", () => channel.basicGet(queue));
  expect(message.properties).toMatchObject(properties);
});

test("a body of 5 MiB arrives whole", async () => {
  const { channel, queue } = await channelAndQueue();
  const body = new Uint8Array(5 * 1024 * 1024).map((_, index) => (index * 31) >> 8);
  const inbox = new Inbox<AMQPMessage>("the message");
  await channel.basicConsume(queue, {}, inbox.push);
  await channel.basicPublish("", queue, body);
  const message = nth(await inbox.first(1), 0);
  expect(message.bodySize).toBe(body.length);
  expect(Buffer.compare(message.body ?? new Uint8Array(), body)).toBe(0);
  await message.ack();
});

test("prefetch, nack with requeue and ack of several at once", async () => {
  const { channel, queue } = await channelAndQueue();
  await channel.confirmSelect();
  for (const text of ["a", "b", "c", "d"]) await channel.basicPublish("", queue, text);
  await channel.prefetch(2);
  const inbox = new Inbox<AMQPMessage>("messages");
  await channel.basicConsume(queue, { noAck: false }, inbox.push);
  await nth(await inbox.first(2), 0).nack(true);
  const again = nth(await inbox.first(3), 2);
  expect([again.bodyString(), again.redelivered]).toEqual(["a", true]);
  await channel.basicAck(again.deliveryTag, true);
  expect((await inbox.first(5)).slice(3).map((message) => message.bodyString())).toEqual(["c", "d"]);
});

test("a transaction's messages come with its commit, and not after a rollback", async () => {
  const { channel, queue } = await channelAndQueue();
  await channel.txSelect();
  await channel.basicPublish("", queue, "rolled back");
  await channel.txRollback();
  await channel.basicPublish("", queue, "one");
  await channel.basicPublish("", queue, "two");
  const other = await channel.connection.channel();
  const count = async () => (await other.queueDeclare(queue, { passive: true })).messageCount;
  expect(await count()).toBe(0);
  await channel.txCommit();
  await waitFor("both messages", async () => (await count()) === 2);
  const message = await waitFor("a message", () => channel.basicGet(queue, { noAck: false }));
  expect(message.bodyString()).toBe("one");
  await message.ack();
  await channel.txRollback();
  await channel.basicRecover(true);
  // The acknowledgement went with the rollback, so the message is there again.
  await waitFor("both messages", async () => (await count()) === 2);
});

test("confirms and transactions exclude each other with 406", async () => {
  const channel = await (await open()).channel();
  await channel.confirmSelect();
  await expect(channel.txSelect()).rejects.toThrow("cannot switch from confirm to tx mode");
});

test("a queue that is not there is refused with 404, and the error says so", async () => {
  const channel = await (await open()).channel();
  const missing = freshName("missing");
  await expect(channel.basicConsume(missing, {}, ignore)).rejects.toThrow(
    `NOT_FOUND - no queue '${missing}' in vhost '/'`,
  );
});

test("a wrong password is refused, and the error says so", async () => {
  const url = new URL(target.url);
  url.password = "not-the-password";
  await expect(new AMQPClient(url.href, undefined, null).connect()).rejects.toThrow(/ACCESS_REFUSED/);
});

test("a virtual host that is not there is refused with 530", async () => {
  await expect(new AMQPClient(`${target.url}/nowhere`, undefined, null).connect()).rejects.toThrow(
    /NOT_ALLOWED - (access to )?vhost '?nowhere/,
  );
});

test("the server's refusal to stop the flow closes the connection with 540", async () => {
  const channel = await (await open()).channel();
  await expect(channel.basicFlow(false)).rejects.toThrow("NOT_IMPLEMENTED - active=false");
});

test("a prefetch in bytes is refused with 540", async () => {
  const channel = await (await open()).channel();
  await expect(channel.basicQos(1, 1000)).rejects.toThrow("NOT_IMPLEMENTED - prefetch_size!=0 (1000)");
});

test("immediate, which nobody implements, is refused with 540", async () => {
  const { channel, queue } = await channelAndQueue();
  await channel.confirmSelect();
  await expect(channel.basicPublish("", queue, "now", {}, false, true)).rejects.toThrow(
    "NOT_IMPLEMENTED - immediate=true",
  );
});

test("a consumer ends with an error when its queue is deleted", async () => {
  const channel = await (await open()).channel();
  const { name } = await channel.queueDeclare(freshName("short-lived"), { durable: false });
  const consumer = await channel.basicConsume(name, {}, ignore);
  const waiting = expect(consumer.wait(15_000)).rejects.toThrow("Consumer cancelled by the server");
  await channel.queueDelete(name);
  await waiting;
});

test("exchanges can be bound to each other and unbound again", async () => {
  const { channel, queue } = await channelAndQueue();
  const source = freshName("source");
  await channel.exchangeDeclare(source, "topic", { durable: false });
  await channel.exchangeBind("amq.fanout", source, "bound.#");
  await channel.queueBind(queue, "amq.fanout", "");
  await channel.confirmSelect();
  await channel.basicPublish(source, "bound.key", "through both");
  expect((await waitFor("the message", () => channel.basicGet(queue))).bodyString()).toBe("through both");
  await channel.exchangeUnbind("amq.fanout", source, "bound.#");
  await channel.basicPublish(source, "bound.key", "nowhere");
  expect(await channel.basicGet(queue)).toBeNull();
  await channel.exchangeDelete(source);
});

test("a session calls procedures over direct reply-to", async () => {
  const session = await AMQPSession.connect(target.url, { logger: null });
  onTestFinished(() => session.stop());
  const { name } = await session.queue(freshName("upper"), { durable: false, autoDelete: true });
  await session.rpcServer(name, (request) => (request.bodyString() ?? "").toUpperCase());
  const client = await session.rpcClient();
  const answers = await Promise.all(["a", "b", "c"].map((text) => client.call(name, text, { timeout: 15_000 })));
  expect(answers.map((answer) => answer.bodyString())).toEqual(["A", "B", "C"]);
  await client.close();
});

test("a session publishes with confirms and consumes", async () => {
  const session = await AMQPSession.connect(target.url, { logger: null });
  onTestFinished(() => session.stop());
  const queue = await session.queue(freshName("session"), { durable: true, arguments: { "x-message-ttl": 60_000 } });
  await queue.publish("first", { deliveryMode: 2 });
  await queue.publish("second", { deliveryMode: 2 });
  const inbox = new Inbox<string | null>("messages");
  await queue.subscribe({ prefetch: 1 }, (message) => inbox.push(message.bodyString()));
  expect(await inbox.first(2)).toEqual(["first", "second"]);
  await queue.delete();
});
