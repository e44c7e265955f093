import { afterAll, beforeAll, expect, test } from "vitest";
import { amqplibChannel, messagesOf } from "../harness/amqplib-client.ts";
import { type InteropTarget, startInteropTarget } from "../harness/interop-target.ts";
import { mqttjsClient } from "../harness/mqttjs-client.ts";
import { stompjsClient } from "../harness/stompjs-client.ts";

let target: InteropTarget;
beforeAll(async () => {
  target = await startInteropTarget("native", { mqttExchange: "devices" });
});
afterAll(() => target.close());

test("an MQTT client with an exchange of its own gets what AMQP and STOMP answer", async () => {
  const channel = await amqplibChannel(target.url);
  await channel.assertExchange("devices", "topic", { durable: true });
  const device = await mqttjsClient(target.mqtt);
  await device.subscribe(["answers/7", "answers/v1.2"], { qos: 1 });
  const { queue } = await channel.assertQueue("", { exclusive: true });
  await channel.bindQueue(queue, "devices", "requests.#");
  // Nobody else's topics: what is published there must not be taken for an answer.
  const others = await channel.assertQueue("", { exclusive: true });
  await channel.bindQueue(others.queue, "amq.topic", "#");
  const requests = await messagesOf(channel, queue, { noAck: true });
  const stomp = await stompjsClient(target);
  for (const responseTopic of ["answers/7", "answers/v1.2"]) {
    await device.publish("requests/x", "?", { qos: 1, properties: { responseTopic } });
  }
  const replyTo = (await requests.first(2)).map(({ properties }) => String(properties.replyTo));
  expect(replyTo).toEqual(["/mqtt/answers/7", "/mqtt/answers/v1.2"]);
  for (const path of replyTo) channel.sendToQueue(path, Buffer.from("by AMQP"));
  await device.messages.first(2);
  for (const path of replyTo) await stomp.send(path, "by STOMP");
  const answers = await device.messages.first(4);
  expect(answers.map(({ topic, text }) => `${topic} ${text}`)).toEqual([
    "answers/7 by AMQP",
    "answers/v1.2 by AMQP",
    "answers/7 by STOMP",
    "answers/v1.2 by STOMP",
  ]);
  expect((await channel.checkQueue(others.queue)).messageCount).toBe(0);
});

test("AMQP and STOMP get what an MQTT client with an exchange of its own answers, by /topic/ and by /mqtt/", async () => {
  const channel = await amqplibChannel(target.url);
  await channel.assertExchange("devices", "topic", { durable: true });
  const device = await mqttjsClient(target.mqtt);
  await device.subscribe("ask/#", { qos: 1 });
  const { queue } = await channel.assertQueue("", { exclusive: true });
  await channel.bindQueue(queue, "amq.topic", "reply.amqp");
  await channel.bindQueue(queue, "devices", "reply.mqtt");
  const answers = await messagesOf(channel, queue, { noAck: true });
  const stomp = await stompjsClient(target);
  const replies = await stomp.subscribe("/topic/reply.stomp");
  channel.publish("devices", "ask.amqp", Buffer.from("1"), { replyTo: "/topic/reply.amqp" });
  channel.publish("devices", "ask.mqtt", Buffer.from("2"), { replyTo: "/mqtt/reply/mqtt" });
  await stomp.send("/exchange/devices/ask.stomp", "3", { "reply-to": "/topic/reply.stomp" });
  const requests = await device.messages.first(3);
  const asked = new Map(requests.map(({ text, packet }) => [text, packet.properties?.responseTopic ?? ""]));
  expect(Object.fromEntries(asked)).toEqual({
    1: "$reply-to//topic/reply.amqp",
    2: "reply/mqtt",
    3: "$reply-to//topic/reply.stomp",
  });
  for (const [text, responseTopic] of asked) await device.publish(responseTopic, `answer ${text}`, { qos: 1 });
  const texts = (await answers.first(2)).map(({ content }) => content.toString());
  expect(texts.sort()).toEqual(["answer 1", "answer 2"]);
  expect((await replies.first(1)).map(({ body }) => body)).toEqual(["answer 3"]);
});

test("a will that answers goes the same way", async () => {
  const channel = await amqplibChannel(target.url);
  await channel.assertExchange("devices", "topic", { durable: true });
  const watcher = await mqttjsClient(target.mqtt);
  await watcher.subscribe("gone/v1.2", { qos: 1 });
  const payload = Buffer.from("bye");
  const will = { topic: "$reply-to//mqtt/gone/v1.2", payload, qos: 1, retain: false } as const;
  const leaving = await mqttjsClient(target.mqtt, { will });
  await leaving.drop();
  expect((await watcher.messages.first(1)).map(({ topic, text }) => [topic, text])).toEqual([["gone/v1.2", "bye"]]);
});
