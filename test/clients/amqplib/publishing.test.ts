import { type Message } from "amqplib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { amqplibChannel, amqplibConfirmChannel, messagesOf, texts } from "../../harness/amqplib-client.ts";
import { nth } from "../../harness/nth.ts";
import { freshName, startTarget, type Target } from "../../harness/target.ts";
import { Inbox, waitFor, within } from "../../harness/waiting.ts";

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target.close());

test("every one of many outstanding publishes is confirmed, and all of them arrive in order", async () => {
  const channel = await amqplibConfirmChannel(target.url);
  const { queue } = await channel.assertQueue(freshName("confirmed"), { durable: true });
  const count = 20_000;
  let confirmed = 0;
  for (let index = 0; index < count; index++) {
    channel.sendToQueue(queue, Buffer.from(String(index)), { persistent: true }, (error) => {
      if (error === null) confirmed++;
    });
  }
  await within("all confirms", channel.waitForConfirms(), 30_000);
  expect(confirmed).toBe(count);
  expect((await channel.checkQueue(queue)).messageCount).toBe(count);
  const consumer = await amqplibChannel(target.url);
  const inbox = await messagesOf(consumer, queue, { noAck: true });
  const received = texts(await inbox.first(count, 30_000));
  expect(received.findIndex((text, index) => text !== String(index))).toBe(-1);
  await channel.deleteQueue(queue);
});

test("a mandatory message that reaches no queue comes back with 312, before its confirm", async () => {
  const channel = await amqplibConfirmChannel(target.url);
  const events: string[] = [];
  const returned: Message[] = [];
  channel.on("return", (message) => {
    events.push("return");
    returned.push(message);
  });
  const key = freshName("nowhere");
  await new Promise<void>((resolve, reject) => {
    channel.publish("amq.direct", key, Buffer.from("a body"), { mandatory: true, headers: { trace: 7 } }, (error) => {
      events.push("confirm");
      if (error === null) resolve();
      else reject(error as Error);
    });
  });
  expect(events).toEqual(["return", "confirm"]);
  const message = nth(returned, 0);
  expect(message.fields).toMatchObject({
    replyCode: 312,
    replyText: "NO_ROUTE",
    exchange: "amq.direct",
    routingKey: key,
  });
  expect(message.content.toString()).toBe("a body");
  expect(message.properties.headers).toEqual({ trace: 7 });
});

test("a message that reaches no queue and is not mandatory is confirmed all the same", async () => {
  const channel = await amqplibConfirmChannel(target.url);
  channel.on("return", () => expect.unreachable("nothing was mandatory"));
  channel.publish("", freshName("nowhere"), Buffer.from("gone"));
  await within("the confirm", channel.waitForConfirms());
});

test("a full queue with reject-publish refuses, and takes again once there is room", async () => {
  const channel = await amqplibConfirmChannel(target.url);
  const { queue } = await channel.assertQueue("", { exclusive: true, maxLength: 2, overflow: "reject-publish" });
  const outcome = (text: string) =>
    new Promise<string>((resolve) => {
      channel.sendToQueue(queue, Buffer.from(text), {}, (error) => resolve(error === null ? "confirmed" : "refused"));
    });
  expect(await outcome("one")).toBe("confirmed");
  expect(await outcome("two")).toBe("confirmed");
  expect(await outcome("three")).toBe("refused");
  await waitFor("a message", () => channel.get(queue, { noAck: true }));
  await waitFor("room for another", async () => (await outcome("four")) === "confirmed");
  expect(texts(await (await messagesOf(channel, queue)).first(2))).toEqual(["two", "four"]);
});

test("a full queue drops its oldest message by default", async () => {
  const channel = await amqplibConfirmChannel(target.url);
  const { queue } = await channel.assertQueue("", { exclusive: true, maxLength: 2 });
  for (const text of ["one", "two", "three"]) channel.sendToQueue(queue, Buffer.from(text));
  await channel.waitForConfirms();
  expect(texts(await (await messagesOf(channel, queue)).first(2))).toEqual(["two", "three"]);
});

test("CC and BCC route to further queues; only CC is seen by who receives", async () => {
  const channel = await amqplibChannel(target.url);
  const [to, copy, blind] = (await Promise.all(
    ["to", "copy", "blind"].map(async () => (await channel.assertQueue("", { exclusive: true })).queue),
  )) as [string, string, string];
  channel.sendToQueue(to, Buffer.from("for three"), { CC: [copy], BCC: [blind] });
  for (const queue of [to, copy, blind]) {
    const [message] = await (await messagesOf(channel, queue)).first(1);
    expect(message?.content.toString()).toBe("for three");
    expect(message?.fields.routingKey).toBe(to);
    expect(message?.properties.headers).toEqual({ CC: [copy] });
  }
});

test.each([
  ["5 MiB in frames of 128 KiB", "", 5 * 1024 * 1024],
  ["1 MiB in frames of 4 KiB", "?frameMax=4096", 1024 * 1024],
  ["nothing at all", "", 0],
  ["one byte more than a frame holds", "?frameMax=4096", 4096 - 8 + 1],
])("a body of %s arrives whole", async (_what, parameters, bodyBytes) => {
  const channel = await amqplibConfirmChannel(target.url, parameters);
  const { queue } = await channel.assertQueue("", { exclusive: true });
  const body = Buffer.alloc(bodyBytes);
  for (let offset = 0; offset + 4 <= bodyBytes; offset += 4) body.writeUInt32BE(offset, offset);
  const inbox = await messagesOf(channel, queue);
  channel.sendToQueue(queue, body);
  await channel.waitForConfirms();
  const message = nth(await inbox.first(1), 0);
  expect(message.content.length).toBe(bodyBytes);
  expect(message.content.equals(body)).toBe(true);
});

test("two publishers at once: each one's messages keep their order", async () => {
  const consumer = await amqplibChannel(target.url);
  const { queue } = await consumer.assertQueue(freshName("shared"), { durable: false });
  const inbox = new Inbox<{ who: string; index: number }>("all messages");
  await consumer.consume(
    queue,
    (message) => message !== null && inbox.push(JSON.parse(message.content.toString()) as never),
    { noAck: true },
  );
  const publishers = await Promise.all(
    ["a", "b"].map(async (who) => ({ who, channel: await amqplibChannel(target.url) })),
  );
  for (let index = 0; index < 1000; index++) {
    for (const { who, channel } of publishers) channel.sendToQueue(queue, Buffer.from(JSON.stringify({ who, index })));
  }
  const received = await inbox.first(2000);
  for (const { who } of publishers) {
    const indexes = received.filter((item) => item.who === who).map((item) => item.index);
    expect(indexes).toEqual(Array.from({ length: 1000 }, (_, index) => index));
  }
  await consumer.deleteQueue(queue);
});
