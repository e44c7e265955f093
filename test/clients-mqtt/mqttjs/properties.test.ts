import type { IClientPublishOptions } from "mqtt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mqttjsClient } from "../../harness/mqttjs-client.ts";
import { type MqttTarget, startMqttTarget } from "../../harness/mqtt-target.ts";
import { nth } from "../../harness/nth.ts";
import { freshName } from "../../harness/target.ts";
import { waitFor } from "../../harness/waiting.ts";

let target: MqttTarget;
beforeAll(async () => {
  target = await startMqttTarget();
});
afterAll(() => target.close());

type PublishProperties = NonNullable<IClientPublishOptions["properties"]>;

describe.each([0, 1, 2] as const)("a message of QoS %i arrives with its", (qos) => {
  test.each<[what: string, properties: PublishProperties]>([
    ["content type", { contentType: "application/json; charset=utf-8" }],
    ["payload format", { payloadFormatIndicator: true }],
    ["response topic and correlation data", { responseTopic: "a/b.c", correlationData: Buffer.from([0, 255, 7]) }],
    ["user properties, in order and with duplicates", { userProperties: { b: ["2", "1"], a: "x", ü: "ß", empty: "" } }],
  ])("%s", async (_what, properties) => {
    const topic = freshName("properties");
    const client = await mqttjsClient(target);
    await client.subscribe(topic, { qos });
    await client.publish(topic, "body", { qos, properties });
    const { packet } = nth(await client.messages.first(1), 0);
    expect(packet.properties).toEqual(properties);
  });
});

test("a message without properties arrives without", async () => {
  const topic = freshName("none");
  const client = await mqttjsClient(target);
  await client.subscribe(topic);
  await client.publish(topic, "body");
  expect(nth(await client.messages.first(1), 0).packet.properties ?? {}).toEqual({});
});

describe("message expiry", () => {
  test("tells the time that is left, which is all of it where nobody waited", async () => {
    const topic = freshName("expiry");
    const client = await mqttjsClient(target);
    await client.subscribe(topic, { qos: 1 });
    await client.publish(topic, "body", { qos: 1, properties: { messageExpiryInterval: 600 } });
    expect(nth(await client.messages.first(1), 0).packet.properties).toEqual({ messageExpiryInterval: 600 });
  });

  test("ends a message that waits too long, and shortens what is left for another", async () => {
    const [topic, clientId] = [freshName("expiry"), freshName("session")];
    const options = { clientId, clean: false, properties: { sessionExpiryInterval: 600 } };
    const away = await mqttjsClient(target, options);
    await away.subscribe(topic, { qos: 1 });
    await away.end();
    const publisher = await mqttjsClient(target);
    const publish = (text: string, seconds: number): Promise<unknown> => {
      return publisher.publish(topic, text, { qos: 1, properties: { messageExpiryInterval: seconds } });
    };
    const publishedAtMs = performance.now();
    await publish("short", 1);
    await publish("long", 600);
    await waitFor("the end of the short one", () => performance.now() - publishedAtMs > 1100);
    const back = await mqttjsClient(target, options);
    await back.messages.first(1);
    await back.settled();
    expect(back.seen).toEqual([[topic, "long"]]);
    const left = nth(back.messages.items, 0).packet.properties?.messageExpiryInterval ?? 0;
    expect(left).toBeLessThan(600);
    expect(left).toBeGreaterThan(580);
    await back.end({ properties: { sessionExpiryInterval: 0 } });
  });
});

test("a request is answered over its response topic, with its correlation data", async () => {
  const topic = freshName("service");
  const [service, caller] = [await mqttjsClient(target), await mqttjsClient(target)];
  service.client.on("message", (_topic, payload, { properties }) => {
    const { responseTopic = "", correlationData } = properties ?? {};
    const text = payload.toString().toUpperCase();
    service.client.publish(responseTopic, text, {
      qos: 1,
      properties: correlationData === undefined ? {} : { correlationData },
    });
  });
  await service.subscribe(`${topic}/requests`, { qos: 1 });
  const responseTopic = `${topic}/answers/${caller.client.options.clientId}`;
  await caller.subscribe(responseTopic, { qos: 1 });
  for (const question of ["one", "two"]) {
    const properties = { responseTopic, correlationData: Buffer.from(question) };
    await caller.publish(`${topic}/requests`, question, { qos: 1, properties });
  }
  const answers = (await caller.messages.first(2)).map(({ text, packet }) => {
    return [text, packet.properties?.correlationData?.toString()];
  });
  expect(answers).toEqual([
    ["ONE", "one"],
    ["TWO", "two"],
  ]);
});

test("topic aliases of the client stand for their topics, and can be given to others", async () => {
  const topic = freshName("alias");
  const subscriber = await mqttjsClient(target);
  await subscriber.subscribe(`${topic}/#`, { qos: 1 });
  const publisher = await mqttjsClient(target, { autoAssignTopicAlias: true, properties: { topicAliasMaximum: 0 } });
  expect(publisher.connack.properties?.topicAliasMaximum).toBeGreaterThan(0);
  const topics = ["a", "b", "a", "b", "c", "a"].map((name) => `${topic}/${name}`);
  for (const name of topics) await publisher.publish(name, name, { qos: 1 });
  await subscriber.messages.first(topics.length);
  expect(subscriber.seen).toEqual(topics.map((name) => [name, name]));
});

test("topic aliases of the broker stay within what the client allows, and stand for their topics", async () => {
  const topic = freshName("alias");
  const subscriber = await mqttjsClient(target, { properties: { topicAliasMaximum: 2 } });
  await subscriber.subscribe(`${topic}/#`, { qos: 1 });
  const publisher = await mqttjsClient(target);
  const topics = ["a", "b", "a", "c", "b", "c", "a"].map((name) => `${topic}/${name}`);
  for (const name of topics) await publisher.publish(name, name, { qos: 1 });
  await subscriber.messages.first(topics.length);
  // MQTT.js gives up the connection where an alias is too big, or stands for nothing.
  expect(subscriber.seen).toEqual(topics.map((name) => [name, name]));
  expect(subscriber.closed).toBe(false);
});

test("a message that is too big for a client is dropped for it alone", async () => {
  const topic = freshName("size");
  const [small, big] = [
    await mqttjsClient(target, { properties: { maximumPacketSize: 200 } }),
    await mqttjsClient(target),
  ];
  for (const client of [small, big]) await client.subscribe(topic, { qos: 1 });
  for (const text of ["x".repeat(300), "fits"]) await big.publish(topic, text, { qos: 1 });
  await big.messages.first(2);
  await small.messages.first(1);
  await small.settled();
  expect(small.seen).toEqual([[topic, "fits"]]);
});

test.each([
  [1, "puback"],
  [2, "pubrec"],
] as const)("a publish of QoS %i that matches nobody says so in %s, one that matches does not", async (qos, cmd) => {
  const topic = freshName("nobody");
  const client = await mqttjsClient(target);
  await client.publish(topic, "x", { qos });
  await client.subscribe(topic);
  await client.publish(topic, "x", { qos });
  const answers = client.packets.items.filter((packet) => packet.cmd === cmd);
  expect(answers.map((packet) => ("reasonCode" in packet ? (packet.reasonCode ?? 0) : 0))).toEqual([0x10, 0]);
});
