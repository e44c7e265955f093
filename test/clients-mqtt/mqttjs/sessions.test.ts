import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mqttjsClient, type MqttjsClient } from "../../harness/mqttjs-client.ts";
import { type MqttTarget, type MqttVersion, startMqttTarget, versionNames } from "../../harness/mqtt-target.ts";
import { freshName } from "../../harness/target.ts";

let target: MqttTarget;
beforeAll(async () => {
  target = await startMqttTarget();
});
afterAll(() => target.close());

/** A client with a session that outlives its connection, by the means of its version. */
function keptClient(version: MqttVersion, clientId: string, expirySeconds = 600): Promise<MqttjsClient> {
  const properties = version === 5 ? { properties: { sessionExpiryInterval: expirySeconds } } : {};
  return mqttjsClient(target, { protocolVersion: version, clientId, clean: false, ...properties });
}

const versions = ([3, 4, 5] as const).map((version) => ({ version, name: versionNames[version] }));

describe.each(versions)("MQTT.js in version $name", ({ version }) => {
  test.each([1, 2] as const)("finds its session again: what came with QoS %i meanwhile, in order", async (qos) => {
    const [clientId, topic] = [freshName("kept").slice(0, 23), freshName("session")];
    const first = await keptClient(version, clientId);
    expect(first.connack.sessionPresent).toBe(false);
    await first.subscribe(`${topic}/+`, { qos: 2 });
    await first.end();
    const publisher = await mqttjsClient(target);
    const texts = Array.from({ length: 20 }, (_, index) => String(index));
    for (const text of texts) await publisher.publish(`${topic}/${text}`, text, { qos });
    const second = await keptClient(version, clientId);
    // 3.1 has no flag for it.
    if (version !== 3) expect(second.connack.sessionPresent).toBe(true);
    await publisher.publish(`${topic}/x`, "live", { qos });
    await second.messages.first(21);
    await second.settled();
    expect(second.seen.map(([, text]) => text)).toEqual([...texts, "live"]);
    // The end of the session.
    await second.end();
    const third = await mqttjsClient(target, { protocolVersion: version, clientId, clean: true });
    expect(third.connack.sessionPresent).toBe(false);
    await publisher.publish(`${topic}/x`, "lost", { qos: 1 });
    await third.settled();
    expect(third.seen).toEqual([]);
  });

  test("ends with a clean session, and finds none of it later", async () => {
    const [clientId, topic] = [freshName("clean").slice(0, 23), freshName("session")];
    const first = await mqttjsClient(target, { protocolVersion: version, clientId, clean: true });
    await first.subscribe(topic, { qos: 1 });
    await first.end();
    const second = await keptClient(version, clientId);
    expect(second.connack.sessionPresent).toBe(false);
    await second.publish(topic, "nobody's", { qos: 1 });
    await second.settled();
    expect(second.seen).toEqual([]);
    await second.end();
    await mqttjsClient(target, { protocolVersion: version, clientId, clean: true });
  });

  test("is taken over by another with its client identifier", async () => {
    const clientId = freshName("taken").slice(0, 23);
    const first = await mqttjsClient(target, { protocolVersion: version, clientId });
    const second = await mqttjsClient(target, { protocolVersion: version, clientId });
    await first.ended();
    expect(first.disconnects.items.map(({ reasonCode }) => reasonCode)).toEqual(version === 5 ? [0x8e] : []);
    await second.settled();
  });
});

test("a session moves between the versions", async () => {
  const [clientId, topic] = [freshName("moving").slice(0, 23), freshName("session")];
  const old = await keptClient(4, clientId);
  await old.subscribe(topic, { qos: 1 });
  await old.end();
  const publisher = await mqttjsClient(target);
  await publisher.publish(topic, "one", { qos: 1 });
  const young = await keptClient(5, clientId, 600);
  expect(young.connack.sessionPresent).toBe(true);
  await young.messages.first(1);
  await young.end();
  await publisher.publish(topic, "two", { qos: 1 });
  const again = await keptClient(4, clientId);
  expect(again.connack.sessionPresent).toBe(true);
  expect((await again.messages.first(1)).map(({ text }) => text)).toEqual(["two"]);
  await again.end();
  await mqttjsClient(target, { clientId });
});

describe("session expiry", () => {
  /** Whether the session is still there after its connection ended. */
  async function isKept(clientId: string): Promise<boolean> {
    const client = await mqttjsClient(target, { clientId, clean: false, properties: { sessionExpiryInterval: 600 } });
    await client.end();
    return client.connack.sessionPresent;
  }

  test("lets a session end some time after its connection", async () => {
    const [clientId, topic] = [freshName("expiring"), freshName("session")];
    const watcher = await mqttjsClient(target);
    await watcher.subscribe(topic, { qos: 1 });
    // A will that waits longer than the session lives is published at the session's end.
    const will = { topic, payload: Buffer.from("over"), qos: 1 as const, properties: { willDelayInterval: 600 } };
    const properties = { sessionExpiryInterval: 1 };
    await (await mqttjsClient(target, { clientId, clean: false, properties, will })).drop();
    await watcher.messages.first(1);
    expect(await isKept(clientId)).toBe(false);
  });

  test("is changed by DISCONNECT, in both directions", async () => {
    const longer = freshName("longer");
    await (await keptClient(5, longer, 1)).end({ properties: { sessionExpiryInterval: 600 } });
    const shorter = freshName("shorter");
    await (await keptClient(5, shorter, 600)).end({ properties: { sessionExpiryInterval: 0 } });
    expect(await isKept(longer)).toBe(true);
    expect(await isKept(shorter)).toBe(false);
  });

  test("of 0 ends the session with its connection, however that ends", async () => {
    const clientId = freshName("zero");
    await (await mqttjsClient(target, { clientId, clean: false })).drop();
    expect(await isKept(clientId)).toBe(false);
  });

  test("keeps the session of a connection that broke", async () => {
    const clientId = freshName("broken");
    await (await keptClient(5, clientId)).drop();
    expect(await isKept(clientId)).toBe(true);
    await mqttjsClient(target, { clientId });
  });
});

test("QoS 0 messages are not kept for a client that is away unless the broker says so, QoS 1 are", async () => {
  const [clientId, topic] = [freshName("away"), freshName("session")];
  const first = await keptClient(5, clientId);
  await first.subscribe(topic, { qos: 1 });
  await first.end();
  const publisher = await mqttjsClient(target);
  await publisher.publish(topic, "zero", { qos: 0 });
  await publisher.publish(topic, "one", { qos: 1 });
  const second = await keptClient(5, clientId);
  await second.messages.first(1);
  await second.settled();
  expect(second.seen.map(([, text]) => text).filter((text) => text !== "zero")).toEqual(["one"]);
  await second.end({ properties: { sessionExpiryInterval: 0 } });
});
