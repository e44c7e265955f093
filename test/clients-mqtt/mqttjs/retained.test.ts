import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mqttjsClient, type MqttjsClient, type SubscribeOptions } from "../../harness/mqttjs-client.ts";
import { type MqttTarget, startMqttTarget, versionNames } from "../../harness/mqtt-target.ts";
import { nth } from "../../harness/nth.ts";
import { freshName } from "../../harness/target.ts";
import { waitFor } from "../../harness/waiting.ts";

let target: MqttTarget;
beforeAll(async () => {
  target = await startMqttTarget();
});
afterAll(() => target.close());

/** What a new subscription brings: topics below `prefix`, texts, and the retain flag. */
async function retainedUnder(prefix: string, filter: string, options: SubscribeOptions = {}, count = 0) {
  const client = await mqttjsClient(target);
  await client.subscribe(`${prefix}/${filter}`, { qos: 2, ...options });
  await client.messages.first(count);
  await client.settled();
  return client.messages.items.map(({ topic, text, packet }) => {
    return [topic.slice(prefix.length + 1), text, packet.qos, packet.retain] as const;
  });
}

async function retain(client: MqttjsClient, prefix: string, messages: Readonly<Record<string, string>>): Promise<void> {
  for (const [topic, text] of Object.entries(messages))
    await client.publish(`${prefix}/${topic}`, text, { qos: 1, retain: true });
}

describe.each(([3, 4, 5] as const).map((version) => ({ version, name: versionNames[version] })))(
  "a retained message in version $name",
  ({ version }) => {
    test("is the last one of its topic, waits for subscribers, and goes by an empty one", async () => {
      const topic = freshName("retained");
      const publisher = await mqttjsClient(target, { protocolVersion: version });
      await publisher.publish(topic, "old", { qos: 1, retain: true });
      await publisher.publish(topic, "new", { qos: 2, retain: true });
      await publisher.publish(topic, "passing", { qos: 1 });
      const subscriber = await mqttjsClient(target, { protocolVersion: version });
      await subscriber.subscribe(topic, { qos: 1 });
      const message = nth(await subscriber.messages.first(1), 0);
      expect([message.text, message.packet.retain, message.packet.qos]).toEqual(["new", true, 1]);
      await publisher.publish(topic, "live", { qos: 1, retain: true });
      const live = nth(await subscriber.messages.first(2), 1);
      expect([live.text, live.packet.retain]).toEqual(["live", false]);
      await publisher.publish(topic, "", { qos: 1, retain: true });
      // The empty message itself is one like any other.
      expect(nth(await subscriber.messages.first(3), 2).text).toBe("");
      const late = await mqttjsClient(target, { protocolVersion: version });
      await late.subscribe(topic);
      await late.settled();
      expect(late.seen).toEqual([]);
    });
  },
);

describe("a wildcard finds", () => {
  const messages = { "a/b": "ab", "a/c": "ac", "a/c/d": "acd", a: "a", b: "b", "x.y/z": "x.y", "$own/a": "hidden" };
  test.each<[filter: string, topics: readonly string[]]>([
    ["a/+", ["a/b", "a/c"]],
    ["a/#", ["a", "a/b", "a/c", "a/c/d"]],
    ["+", ["a", "b"]],
    ["+/+/d", ["a/c/d"]],
    ["+/z", ["x.y/z"]],
    ["nothing/#", []],
  ])("%s", async (filter, topics) => {
    const prefix = freshName("wildcards");
    const publisher = await mqttjsClient(target);
    await retain(publisher, prefix, messages);
    const found = await retainedUnder(prefix, filter, {}, topics.length);
    expect(found.map(([topic]) => topic).sort()).toEqual([...topics]);
    expect(found.every(([, , qos, flag]) => qos === 1 && flag)).toBe(true);
    await retain(publisher, prefix, Object.fromEntries(Object.keys(messages).map((topic) => [topic, ""])));
  });
});

describe("retain handling", () => {
  test.each<[handling: number, first: number, again: number]>([
    [0, 1, 1],
    [1, 1, 0],
    [2, 0, 0],
  ])("%i brings %i at first, and %i when subscribed again", async (rh, first, again) => {
    const topic = freshName("handling");
    const client = await mqttjsClient(target);
    await client.publish(topic, "kept", { qos: 1, retain: true });
    await client.subscribe(topic, { qos: 1, rh });
    await client.messages.first(first);
    await client.settled();
    expect(client.seen.length).toBe(first);
    await client.subscribe(topic, { qos: 1, rh });
    await client.messages.first(first + again);
    await client.settled();
    expect(client.seen.length).toBe(first + again);
    await client.publish(topic, "", { qos: 1, retain: true });
  });
});

test("a retained message carries the identifier of the subscription that brought it, and its own properties", async () => {
  const topic = freshName("retained-properties");
  const client = await mqttjsClient(target);
  const properties = { contentType: "text/plain", userProperties: { colour: "red" } };
  await client.publish(topic, "kept", { qos: 1, retain: true, properties });
  await client.subscribe(topic, { qos: 1, properties: { subscriptionIdentifier: 77 } });
  const { packet } = nth(await client.messages.first(1), 0);
  expect(packet.properties).toMatchObject({ ...properties, subscriptionIdentifier: 77 });
  await client.publish(topic, "", { qos: 1, retain: true });
});

test("a retained message expires, and tells the time it has left", async () => {
  const prefix = freshName("retained-expiry");
  const publisher = await mqttjsClient(target);
  const short = { qos: 1, retain: true, properties: { messageExpiryInterval: 1 } } as const;
  await publisher.publish(`${prefix}/short`, "goes", short);
  await publisher.publish(`${prefix}/long`, "stays", { ...short, properties: { messageExpiryInterval: 600 } });
  await waitFor("the end of the short one", async () => (await retainedUnder(prefix, "+", {}, 1)).length === 1);
  const client = await mqttjsClient(target);
  await client.subscribe(`${prefix}/+`, { qos: 1 });
  const { text, packet } = nth(await client.messages.first(1), 0);
  expect(text).toBe("stays");
  expect(packet.properties?.messageExpiryInterval).toBeLessThan(600);
  expect(packet.properties?.messageExpiryInterval).toBeGreaterThan(500);
  await publisher.publish(`${prefix}/long`, "", { qos: 1, retain: true });
});

test("1,000 retained messages come to one subscription, each once", async () => {
  const prefix = freshName("thousand");
  const client = await mqttjsClient(target);
  const topics = Array.from({ length: 1000 }, (_, index) => `${prefix}/${index % 10}/${index}`);
  await Promise.all(topics.map((topic) => client.publish(topic, "x", { qos: 1, retain: true })));
  const found = await retainedUnder(prefix, "#", { qos: 0 }, 1000);
  expect(found.map(([topic]) => `${prefix}/${topic}`).sort()).toEqual([...topics].sort());
  await Promise.all(topics.map((topic) => client.publish(topic, "", { qos: 1, retain: true })));
});
