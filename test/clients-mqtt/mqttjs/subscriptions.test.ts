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

describe("a filter", () => {
  // Topics and filters come behind a name of the test's own, but for those that begin with a wildcard.
  test.each<[filter: string, matching: readonly string[], others: readonly string[]]>([
    ["sport/tennis/+", ["sport/tennis/one", "sport/tennis/"], ["sport/tennis", "sport/tennis/one/two"]],
    ["sport/#", ["sport", "sport/", "sport/tennis/one"], ["sports", "Sport"]],
    ["+/tennis/#", ["a/tennis", "/tennis", "b/tennis/x/y"], ["tennis", "a/b/tennis"]],
    ["/+", ["/finance", "/"], ["finance", "/finance/x"]],
    ["#", ["a", "/", "a//b", "$inside"], []],
    ["a/+/+/d", ["a/b/c/d", "a///d"], ["a/b/d", "a/b/c/d/e"]],
    ["a.b/*", ["a.b/*"], ["a/b/*", "a.b/x", "a/b/c", "a.b.*"]],
    ["a.b/+", ["a.b/*", "a.b/c.d"], ["a/b/c", "a.b/c/d"]],
    ["*/b", ["*/b"], ["a/b"]],
    ["ü/✓ 🐇", ["ü/✓ 🐇"], ["u/✓"]],
  ])("%s matches what MQTT says it matches", async (filter, matching, others) => {
    const prefix = freshName("filter");
    const client = await mqttjsClient(target);
    await client.subscribe(`${prefix}/${filter}`, { qos: 1 });
    for (const topic of [...others, ...matching]) await client.publish(`${prefix}/${topic}`, topic, { qos: 1 });
    await client.messages.first(matching.length);
    await client.settled();
    expect(client.seen).toEqual(matching.map((topic) => [`${prefix}/${topic}`, topic]));
  });

  test("that begins with a wildcard does not match a topic that begins with $", async () => {
    const name = freshName("dollar");
    const client = await mqttjsClient(target);
    await client.subscribe(["#", "+/secret"], { qos: 1 });
    await client.subscribe(`$${name}/#`, { qos: 1 });
    await client.publish(`$${name}/secret`, "one", { qos: 1 });
    await client.publish(`${name}/secret`, "two", { qos: 1 });
    const ours = () => client.seen.filter(([topic]) => topic.includes(name)).map(([, text]) => text);
    await waitFor("both", () => ours().includes("two"));
    await client.settled();
    expect(ours().filter((text) => text === "one").length).toBeLessThanOrEqual(1);
    expect(ours()).toContain("two");
    await client.unsubscribe(`$${name}/#`);
    await client.publish(`$${name}/secret`, "three", { qos: 1 });
    await client.settled();
    expect(ours()).not.toContain("three");
  });
});

test("overlapping subscriptions bring a message once at the highest QoS, with all their identifiers", async () => {
  const topic = freshName("overlap");
  const client = await mqttjsClient(target);
  await client.subscribe(`${topic}/#`, { qos: 0, properties: { subscriptionIdentifier: 1 } });
  await client.subscribe(`${topic}/+`, { qos: 2, properties: { subscriptionIdentifier: 268_435_455 } });
  await client.subscribe(`${topic}/a`, { qos: 1 });
  await client.publish(`${topic}/a`, "one", { qos: 2 });
  await client.publish(`${topic}/a/b`, "two", { qos: 2 });
  await client.messages.first(2);
  await client.settled();
  const seen = client.messages.items.map(({ text, packet }) => {
    return [text, packet.qos, [packet.properties?.subscriptionIdentifier].flat()];
  });
  expect(seen).toEqual([
    ["one", 2, expect.toSatisfy((ids: number[]) => [...ids].sort().join() === "1,268435455")],
    ["two", 0, [1]],
  ]);
});

test("subscribing again changes the identifier and the QoS, and does not double the messages", async () => {
  const topic = freshName("again");
  const client = await mqttjsClient(target);
  await client.subscribe(topic, { qos: 0, properties: { subscriptionIdentifier: 5 } });
  await client.subscribe(topic, { qos: 1, properties: { subscriptionIdentifier: 6 } });
  await client.publish(topic, "one", { qos: 1 });
  await client.messages.first(1);
  await client.settled();
  const [message, ...more] = client.messages.items;
  expect(more).toEqual([]);
  expect([message?.packet.qos, message?.packet.properties?.subscriptionIdentifier]).toEqual([1, 6]);
});

test("no-local keeps a client's own messages from it, and nobody else's", async () => {
  const topic = freshName("local");
  const [one, other] = [await mqttjsClient(target), await mqttjsClient(target)];
  await one.subscribe(topic, { qos: 1, nl: true });
  await other.subscribe(topic, { qos: 1, nl: true });
  await one.publish(topic, "of one", { qos: 1 });
  await other.publish(topic, "of other", { qos: 1 });
  await one.messages.first(1);
  await other.messages.first(1);
  await Promise.all([one.settled(), other.settled()]);
  expect(one.seen).toEqual([[topic, "of other"]]);
  expect(other.seen).toEqual([[topic, "of one"]]);
});

test("retain as published tells whether the publisher had set the flag", async () => {
  const topic = freshName("as-published");
  const [plain, asPublished] = [await mqttjsClient(target), await mqttjsClient(target)];
  await plain.subscribe(topic, { qos: 1 });
  await asPublished.subscribe(topic, { qos: 1, rap: true });
  await plain.publish(topic, "kept", { qos: 1, retain: true });
  await plain.publish(topic, "passing", { qos: 1 });
  await plain.publish(topic, "", { qos: 1, retain: true });
  for (const [client, flags] of [
    [plain, [false, false, false]],
    [asPublished, [true, false, true]],
  ] as const) {
    expect((await client.messages.first(3)).map(({ packet }) => packet.retain)).toEqual(flags);
  }
});

test("an answer to many filters says for each what was granted, in their order", async () => {
  const topic = freshName("many");
  const client = await mqttjsClient(target, { protocolVersion: 4 });
  const map = {
    [`${topic}/0`]: { qos: 2 as const },
    [`${topic}/1`]: { qos: 0 as const },
    [`${topic}/2`]: { qos: 1 as const },
  };
  const granted = await client.client.subscribeAsync(map);
  expect(granted.map(({ qos }) => qos)).toEqual([2, 0, 1]);
  const answer = await client.unsubscribe(`${topic}/1`);
  expect(answer?.cmd).toBe("unsuback");
});

test("UNSUBACK tells whether there was such a subscription", async () => {
  const topic = freshName("none");
  const client = await mqttjsClient(target);
  await client.subscribe(topic);
  const codes = async (): Promise<unknown> => nth([await client.unsubscribe(topic)], 0);
  expect(await codes()).toMatchObject({ granted: [0] });
  expect(await codes()).toMatchObject({ granted: [0x11] });
});

test("1,000 subscriptions of one client match each its own topic", async () => {
  const topic = freshName("thousand");
  const client = await mqttjsClient(target);
  const filters = Array.from({ length: 1000 }, (_, index) =>
    index % 10 === 0 ? `${topic}/${index}/+` : `${topic}/${index}/x`,
  );
  await client.subscribe(filters, { qos: 1 });
  const indexes = [0, 7, 10, 500, 999];
  for (const index of indexes) await client.publish(`${topic}/${index}/x`, String(index), { qos: 1 });
  await client.messages.first(indexes.length);
  await client.settled();
  expect(client.seen.map(([, text]) => Number(text))).toEqual(indexes);
});
