import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { amqplibChannel, amqplibConfirmChannel, messagesOf, texts } from "../harness/amqplib-client.ts";
import { type InteropTarget, startInteropTarget } from "../harness/interop-target.ts";
import { mqttjsClient } from "../harness/mqttjs-client.ts";
import { packetTypes as types, publishPacket } from "../harness/mqtt-wire.ts";
import { nth } from "../harness/nth.ts";
import { RawMqttConnection } from "../harness/raw-mqtt-connection.ts";
import { stompjsClient } from "../harness/stompjs-client.ts";
import { freshName } from "../harness/target.ts";
import { connectParticipant } from "./participants/connect-participant.ts";
import { addressOf } from "./participants/participant.ts";

let target: InteropTarget;
beforeAll(async () => {
  target = await startInteropTarget();
});
afterAll(() => target.close());

/** A topic without dots, and its routing key. */
function freshTopic(purpose: string): readonly [topic: string, key: string] {
  const topic = `${freshName(purpose).replaceAll(".", "-")}/x`;
  return [topic, topic.replaceAll("/", ".")];
}

describe.each(["amqp", "stomp", "mqtt5", "mqtt311"] as const)("bodies from %s", (from) => {
  test("arrive byte for byte everywhere: none, any bytes, and 3 MiB", async () => {
    const [topic] = freshTopic("bodies");
    const sender = await connectParticipant(from, target);
    const receivers = await Promise.all(
      (["amqp", "stomp", "mqtt5", "mqtt311"] as const)
        .filter((protocol) => protocol !== from)
        .map((protocol) => connectParticipant(protocol, target)),
    );
    const inboxes = await Promise.all(receivers.map((receiver) => receiver.receive(addressOf(topic))));
    const bodies = [Buffer.alloc(0), Buffer.from([0, 10, 13, 0xff, 0xc0, 0]), Buffer.alloc(3 << 20, "jackalope\0")];
    for (const body of bodies) await sender.send(addressOf(topic), {}, body);
    for (const inbox of inboxes) {
      for (const [index, { body }] of (await inbox.first(3)).entries()) {
        expect(Buffer.compare(body, nth(bodies, index))).toBe(0);
      }
    }
    for (const participant of [sender, ...receivers]) await participant.close();
  });
});

test("x-death tells an MQTT client why and where a message died", async () => {
  const [topic, key] = freshTopic("dead");
  const mqtt = await mqttjsClient(target.mqtt);
  await mqtt.subscribe(topic, { qos: 1 });
  const channel = await amqplibConfirmChannel(target.url);
  const work = freshName("work");
  await channel.assertQueue(work, { messageTtl: 1, deadLetterExchange: "amq.topic", deadLetterRoutingKey: key });
  channel.sendToQueue(work, Buffer.from("late"));
  const { packet } = nth(await mqtt.messages.first(1), 0);
  const user = (packet.properties?.userProperties ?? {}) as Readonly<Record<string, string>>;
  expect(user).toMatchObject({ "x-first-death-reason": "expired", "x-first-death-queue": work });
  expect(JSON.parse(user["x-death"] ?? "")).toMatchObject([{ reason: "expired", queue: work, count: 1 }]);
  await channel.deleteQueue(work);
});

test("a queue of AMQP that is full refuses an MQTT publish: 0x97 in version 5, the end of the connection before", async () => {
  const [topic, key] = freshTopic("full");
  const channel = await amqplibChannel(target.url);
  const { queue } = await channel.assertQueue("", {
    exclusive: true,
    maxLength: 1,
    arguments: { "x-overflow": "reject-publish" },
  });
  await channel.bindQueue(queue, "amq.topic", key);
  const young = await RawMqttConnection.open(target.mqtt);
  for (const [packetId, code] of [
    [1, 0],
    [2, 0x97],
  ] as const) {
    young.send(publishPacket({ topic, qos: 1, packetId }));
    expect(await young.nextAcknowledgement(types.puback)).toEqual([packetId, code]);
  }
  young.send(publishPacket({ topic, qos: 2, packetId: 3 }));
  expect(await young.nextAcknowledgement(types.pubrec)).toEqual([3, 0x97]);
  const old = await RawMqttConnection.open(target.mqtt, { version: 4, clientId: "old" });
  old.send(publishPacket({ version: 4, topic, qos: 1, packetId: 1 }));
  await old.expectEnd();
});

test("a shared subscription is a queue that AMQP and STOMP can take from as well", async () => {
  const [topic] = freshTopic("shared");
  const name = `$share/workers/${topic}`;
  const mqtt = await mqttjsClient(target.mqtt);
  await mqtt.subscribe(name, { qos: 1 });
  const channel = await amqplibChannel(target.url);
  const amqp = await messagesOf(channel, name, { noAck: true });
  const stomp = await (await stompjsClient(target)).subscribe(`/amq/queue/${name.replaceAll("/", "%2F")}`);
  const sent = Array.from({ length: 30 }, (_, index) => String(index));
  for (const text of sent) await mqtt.publish(topic, text, { qos: 1 });
  const seen = (): readonly (readonly string[])[] => [
    texts(amqp.items),
    stomp.items.map(({ body }) => body),
    mqtt.seen.map(([, text]) => text),
  ];
  await Promise.all([amqp.first(1), stomp.first(1), mqtt.messages.first(1)]);
  await expect.poll(() => seen().flat().length, { timeout: 15_000 }).toBe(30);
  expect(seen().flat().sort()).toEqual([...sent].sort());
});

test("devices are read from a durable queue with acknowledgements, and commanded through amq.topic", async () => {
  const [topic, key] = freshTopic("fleet");
  const queue = freshName("measurements");
  const channel = await amqplibConfirmChannel(target.url);
  await channel.assertQueue(queue);
  await channel.bindQueue(queue, "amq.topic", `${key}.*.temperature`);
  const device = await mqttjsClient(target.mqtt, { protocolVersion: 4, clientId: "device-7" });
  await device.subscribe(`${topic}/7/commands/#`, { qos: 1 });
  for (const text of ["20.1", "20.2"]) await device.publish(`${topic}/7/temperature`, text, { qos: 1 });
  await device.publish(`${topic}/7/humidity`, "40", { qos: 1 });
  const messages = await messagesOf(channel, queue);
  for (const message of await messages.first(2)) channel.ack(message);
  expect(messages.items.map(({ content, fields }) => [content.toString(), fields.routingKey])).toEqual([
    ["20.1", `${key}.7.temperature`],
    ["20.2", `${key}.7.temperature`],
  ]);
  channel.publish("amq.topic", `${key}.7.commands.reset`, Buffer.from("now"), { persistent: true });
  await channel.waitForConfirms();
  await device.messages.first(1);
  expect(device.seen).toEqual([[`${topic}/7/commands/reset`, "now"]]);
  await channel.deleteQueue(queue);
});

test("filters of MQTT match what AMQP publishes, by the levels of its key", async () => {
  const [topic, key] = freshTopic("levels");
  const mqtt = await mqttjsClient(target.mqtt);
  await mqtt.subscribe(`${topic}/+/c`, { qos: 0 });
  const channel = await amqplibConfirmChannel(target.url);
  for (const suffix of ["a.c", "b.c", "c", "a.b.c", "..c", "*.c"])
    channel.publish("amq.topic", `${key}.${suffix}`, Buffer.from(suffix));
  await channel.waitForConfirms();
  await mqtt.messages.first(3);
  await mqtt.settled();
  expect(mqtt.seen.map(([, text]) => text)).toEqual(["a.c", "b.c", "*.c"]);
});
