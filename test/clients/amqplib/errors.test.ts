import { type Channel } from "amqplib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { amqplibChannel, amqplibConnection, closeOf, messagesOf, quiet } from "../../harness/amqplib-client.ts";
import { nth } from "../../harness/nth.ts";
import { freshName, startTarget, type Target } from "../../harness/target.ts";

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

interface Refusal {
  readonly what: string;
  /** `queue` exists: durable, empty, without arguments. `missing` does not. */
  readonly attempt: (channel: Channel, queue: string, missing: string) => unknown;
  readonly code: number;
  /** Behind the name of the code; `q` and `m` stand for the two queues. */
  readonly text: string;
}

const refusals: readonly Refusal[] = [
  {
    what: "a passive declaration of a queue that is not there",
    attempt: (channel, _queue, missing) => channel.checkQueue(missing),
    code: 404,
    text: "NOT_FOUND - no queue 'm' in vhost '/'",
  },
  {
    what: "a passive declaration of an exchange that is not there",
    attempt: (channel, _queue, missing) => channel.checkExchange(missing),
    code: 404,
    text: "NOT_FOUND - no exchange 'm' in vhost '/'",
  },
  {
    what: "a consumer of a queue that is not there",
    attempt: (channel, _queue, missing) => channel.consume(missing, () => undefined),
    code: 404,
    text: "NOT_FOUND - no queue 'm' in vhost '/'",
  },
  {
    what: "a message to an exchange that is not there",
    attempt: (channel, _queue, missing) => channel.publish(missing, "", Buffer.from("lost")),
    code: 404,
    text: "NOT_FOUND - no exchange 'm' in vhost '/'",
  },
  {
    what: "a binding to an exchange that is not there",
    attempt: (channel, queue, missing) => channel.bindQueue(queue, missing, "key"),
    code: 404,
    text: "NOT_FOUND - no exchange 'm' in vhost '/'",
  },
  {
    what: "a redeclaration with another durability",
    attempt: (channel, queue) => channel.assertQueue(queue, { durable: false }),
    code: 406,
    text: "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/': received 'false' but current is 'true'",
  },
  {
    what: "a redeclaration with an argument more",
    attempt: (channel, queue) => channel.assertQueue(queue, { messageTtl: 100_000 }),
    code: 406,
    text:
      "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': received the value '100000' of type " +
      "'signedint' but current is none",
  },
  {
    what: "a redeclaration with a short argument more",
    attempt: (channel, queue) => channel.assertQueue(queue, { maxLength: 1000 }),
    code: 406,
    text:
      "PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue 'q' in vhost '/': received the value '1000' of type " +
      "'short' but current is none",
  },
  {
    what: "a redeclared exchange of another type",
    attempt: (channel) => channel.assertExchange("amq.topic", "fanout"),
    code: 406,
    text: "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'amq.topic' in vhost '/': received 'fanout' but current is 'topic'",
  },
  {
    what: "an argument that must be positive",
    attempt: (channel, _queue, missing) => channel.assertQueue(missing, { arguments: { "x-expires": 0 } }),
    code: 406,
    text: "PRECONDITION_FAILED - invalid arg 'x-expires' for queue 'm' in vhost '/'",
  },
  {
    what: "a queue under a reserved name",
    attempt: (channel) => channel.assertQueue("amq.mine"),
    code: 403,
    text: "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'",
  },
  {
    what: "a binding to the default exchange",
    attempt: (channel, queue) => channel.bindQueue(queue, "", "key"),
    code: 403,
    text: "ACCESS_REFUSED - operation not permitted on the default exchange",
  },
  {
    what: "deleting a queue that is not empty, if empty",
    attempt: async (channel, queue) => {
      channel.sendToQueue(queue, Buffer.from("still here"));
      await channel.deleteQueue(queue, { ifEmpty: true });
    },
    code: 406,
    text: "PRECONDITION_FAILED - queue 'q' in vhost '/' not empty",
  },
  {
    what: "deleting a queue in use, if unused",
    attempt: async (channel, queue) => {
      await channel.consume(queue, () => undefined);
      await channel.deleteQueue(queue, { ifUnused: true });
    },
    code: 406,
    text: "PRECONDITION_FAILED - queue 'q' in vhost '/' in use",
  },
  {
    what: "an expiration that is no number",
    attempt: (channel, queue) => channel.sendToQueue(queue, Buffer.from("x"), { expiration: "soon" }),
    code: 406,
    text: "PRECONDITION_FAILED - invalid expiration 'soon'",
  },
  {
    what: "somebody else's user-id",
    attempt: (channel, queue) => channel.sendToQueue(queue, Buffer.from("x"), { userId: "somebody" }),
    code: 406,
    text: "PRECONDITION_FAILED - user_id property set to 'somebody' but authenticated user was 'guest'",
  },
  {
    what: "an exclusive consumer beside another one",
    attempt: async (channel, queue) => {
      await channel.consume(queue, () => undefined);
      await channel.consume(queue, () => undefined, { exclusive: true });
    },
    code: 403,
    text: "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use",
  },
  {
    what: "a request over direct reply-to without a consumer for the answer",
    attempt: (channel, queue) => channel.sendToQueue(queue, Buffer.from("?"), { replyTo: "amq.rabbitmq.reply-to" }),
    code: 406,
    text: "PRECONDITION_FAILED - fast reply consumer does not exist",
  },
  {
    what: "a direct reply-to consumer that wants to acknowledge",
    attempt: (channel) => channel.consume("amq.rabbitmq.reply-to", () => undefined, { noAck: false }),
    code: 406,
    text: "PRECONDITION_FAILED - reply consumer cannot acknowledge",
  },
];

describe("a channel closes with RabbitMQ's code and text on", () => {
  test.each(refusals)("$what", async ({ attempt, code, text }) => {
    const connection = await amqplibConnection(target.url);
    const channel = quiet(await connection.createChannel());
    const [queue, missing] = [freshName("q"), freshName("m")];
    await channel.assertQueue(queue);
    const closed = closeOf(channel);
    // The promise of the call fails too where there is one; the event tells the same and comes always.
    Promise.resolve(attempt(channel, queue, missing)).catch(() => undefined);
    const error = await closed;
    expect(error.code).toBe(code);
    expect(error.message.replaceAll(queue, "q").replaceAll(missing, "m")).toContain(`with message "${text}`);
    // Only the channel is gone, not the connection.
    await (await connection.createChannel()).deleteQueue(queue);
  });
});

test("an exclusive queue is locked to other connections with 405", async () => {
  const owner = await amqplibChannel(target.url);
  const { queue } = await owner.assertQueue(freshName("mine"), { exclusive: true });
  const stranger = await amqplibChannel(target.url);
  const closed = closeOf(stranger);
  await expect(stranger.checkQueue(queue)).rejects.toThrow(
    `405 (RESOURCE-LOCKED) with message "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '${queue}' in ` +
      "vhost '/'. It could be originally declared on another connection or the exclusive property value does not match " +
      'that of the original declaration."',
  );
  expect((await closed).code).toBe(405);
});

test("an acknowledgement of a delivery that never was closes the channel with 406", async () => {
  const channel = await amqplibChannel(target.url);
  const { queue } = await channel.assertQueue(freshName("acks"), { autoDelete: true });
  const inbox = await messagesOf(channel, queue);
  channel.sendToQueue(queue, Buffer.from("once"));
  const message = nth(await inbox.first(1), 0);
  const closed = closeOf(channel);
  channel.ack(message);
  channel.ack(message);
  expect((await closed).message).toContain('"PRECONDITION_FAILED - unknown delivery tag 1"');
});

test("a consumer tag used twice closes the connection with 530", async () => {
  const connection = await amqplibConnection(target.url);
  const channel = quiet(await connection.createChannel());
  const { queue } = await channel.assertQueue("", { exclusive: true });
  await channel.consume(queue, () => undefined, { consumerTag: "twice" });
  const closed = closeOf(connection);
  channel.consume(queue, () => undefined, { consumerTag: "twice" }).catch(() => undefined);
  const error = await closed;
  expect(error.message).toContain("attempt to reuse consumer tag 'twice'");
  expect(error.code).toBe(530);
});
