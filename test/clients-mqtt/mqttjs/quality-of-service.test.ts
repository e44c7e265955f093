import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mqttjsClient } from "../../harness/mqttjs-client.ts";
import { type MqttTarget, startMqttTarget, versionNames } from "../../harness/mqtt-target.ts";
import { nth } from "../../harness/nth.ts";
import { freshName } from "../../harness/target.ts";

let target: MqttTarget;
beforeAll(async () => {
  target = await startMqttTarget();
});
afterAll(() => target.close());

const versions = ([3, 4, 5] as const).map((version) => ({ version, name: versionNames[version] }));
const levels = [0, 1, 2] as const;
const pairs = levels.flatMap((published) => levels.map((subscribed) => ({ published, subscribed })));

describe.each(versions)("MQTT.js in version $name", ({ version }) => {
  test.each(pairs)("QoS $published to a subscription of QoS $subscribed", async ({ published, subscribed }) => {
    const topic = freshName("qos");
    const subscriber = await mqttjsClient(target, { protocolVersion: version });
    const [granted] = await subscriber.subscribe(topic, { qos: subscribed });
    expect(granted?.qos).toBe(subscribed);
    const publisher = await mqttjsClient(target, { protocolVersion: version });
    await publisher.publish(topic, "grün", { qos: published });
    const { topic: seenTopic, text, packet } = nth(await subscriber.messages.first(1), 0);
    expect([seenTopic, text, packet.qos]).toEqual([topic, "grün", Math.min(published, subscribed)]);
    expect([packet.dup, packet.retain]).toEqual([false, false]);
    await publisher.end();
    await subscriber.end();
    expect(subscriber.messages.items.length).toBe(1);
  });

  test.each(levels)("500 messages of QoS %i arrive once, and in the order of their publishing", async (qos) => {
    const topic = freshName("order");
    const subscriber = await mqttjsClient(target, { protocolVersion: version });
    await subscriber.subscribe(`${topic}/#`, { qos });
    const publisher = await mqttjsClient(target, { protocolVersion: version });
    const sent = Array.from({ length: 500 }, (_, index) => [`${topic}/${index % 3}`, String(index)] as const);
    await Promise.all(sent.map(([name, text]) => publisher.publish(name, text, { qos })));
    await subscriber.messages.first(500);
    await subscriber.settled();
    expect(subscriber.seen).toEqual(sent);
  });

  test("bodies arrive byte for byte: none, any bytes, and 3 MiB", async () => {
    const topic = freshName("bodies");
    const subscriber = await mqttjsClient(target, { protocolVersion: version });
    await subscriber.subscribe(topic, { qos: 1 });
    const bodies = [Buffer.alloc(0), Buffer.from([0, 10, 13, 0xff, 0xc0, 0]), Buffer.alloc(3 << 20, "jackalope\0")];
    for (const body of bodies) await subscriber.publish(topic, body, { qos: 1 });
    const received = await subscriber.messages.first(3);
    for (const [index, { packet }] of received.entries()) {
      expect(Buffer.compare(Buffer.from(packet.payload as Buffer), nth(bodies, index))).toBe(0);
    }
  });

  test("a client that unsubscribes gets no more", async () => {
    const topic = freshName("unsubscribed");
    const client = await mqttjsClient(target, { protocolVersion: version });
    await client.subscribe([`${topic}/a`, `${topic}/b`], { qos: 1 });
    await client.publish(`${topic}/a`, "one", { qos: 1 });
    await client.messages.first(1);
    await client.unsubscribe(`${topic}/a`);
    await client.publish(`${topic}/a`, "two", { qos: 1 });
    await client.publish(`${topic}/b`, "three", { qos: 1 });
    await client.messages.first(2);
    expect(client.seen.map(([, text]) => text)).toEqual(["one", "three"]);
  });
});

test("versions talk to one another, whatever the quality of service", async () => {
  const topic = freshName("versions");
  const clients = await Promise.all(versions.map(({ version }) => mqttjsClient(target, { protocolVersion: version })));
  for (const [index, client] of clients.entries()) await client.subscribe(topic, { qos: nth(levels, index) });
  for (const [index, client] of clients.entries()) await client.publish(topic, `from ${index}`, { qos: 2 });
  for (const [index, client] of clients.entries()) {
    await client.messages.first(3);
    expect(client.messages.items.map(({ text, packet }) => [text, packet.qos])).toEqual([
      ["from 0", index],
      ["from 1", index],
      ["from 2", index],
    ]);
  }
});
