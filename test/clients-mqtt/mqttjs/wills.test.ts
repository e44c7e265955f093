import type { IClientOptions } from "mqtt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mqttjsClient, type MqttjsClient } from "../../harness/mqttjs-client.ts";
import { type MqttTarget, startMqttTarget, versionNames } from "../../harness/mqtt-target.ts";
import { nth } from "../../harness/nth.ts";
import { freshName } from "../../harness/target.ts";

let target: MqttTarget;
beforeAll(async () => {
  target = await startMqttTarget();
});
afterAll(() => target.close());

async function watcherOf(topic: string): Promise<MqttjsClient> {
  const watcher = await mqttjsClient(target);
  await watcher.subscribe(topic, { qos: 2 });
  return watcher;
}

/** Nothing but `texts` has come, and nothing is on its way. */
async function expectSeen(watcher: MqttjsClient, texts: readonly string[]): Promise<void> {
  await watcher.messages.first(texts.length);
  await watcher.settled();
  expect(watcher.seen.map(([, text]) => text)).toEqual(texts);
}

function will(topic: string, qos: 0 | 1 | 2 = 1, retain = false) {
  return { will: { topic, payload: Buffer.from("gone"), qos, retain } };
}

describe.each(([3, 4, 5] as const).map((version) => ({ version, name: versionNames[version] })))(
  "a will in version $name",
  ({ version }) => {
    test.each([0, 1, 2] as const)("of QoS %i is published when the connection breaks", async (qos) => {
      const topic = freshName("will");
      const watcher = await watcherOf(topic);
      const mortal = await mqttjsClient(target, { protocolVersion: version, ...will(topic, qos) });
      await mortal.drop();
      const { text, packet } = nth(await watcher.messages.first(1), 0);
      expect([text, packet.qos, packet.retain]).toEqual(["gone", qos, false]);
    });

    test("is forgotten at DISCONNECT", async () => {
      const topic = freshName("will");
      const watcher = await watcherOf(topic);
      await (await mqttjsClient(target, { protocolVersion: version, ...will(topic) })).end();
      await watcher.publish(topic, "after", { qos: 1 });
      await expectSeen(watcher, ["after"]);
    });

    test("with the retain flag is kept", async () => {
      const topic = freshName("will");
      const early = await watcherOf(topic);
      await (await mqttjsClient(target, { protocolVersion: version, ...will(topic, 1, true) })).drop();
      expect(nth(await early.messages.first(1), 0).packet.retain).toBe(false);
      const late = await watcherOf(topic);
      expect(nth(await late.messages.first(1), 0).packet.retain).toBe(true);
      await late.publish(topic, "", { qos: 1, retain: true });
    });

    test("is published when the client is taken over", async () => {
      const [topic, clientId] = [freshName("will"), freshName("same").slice(0, 23)];
      const watcher = await watcherOf(topic);
      await mqttjsClient(target, { protocolVersion: version, clientId, ...will(topic) });
      await mqttjsClient(target, { protocolVersion: version, clientId });
      await expectSeen(watcher, ["gone"]);
    });
  },
);

test("DISCONNECT with reason 0x04 publishes the will", async () => {
  const topic = freshName("will");
  const watcher = await watcherOf(topic);
  await (await mqttjsClient(target, will(topic))).end({ reasonCode: 4 });
  await expectSeen(watcher, ["gone"]);
});

test("a will carries its properties", async () => {
  const topic = freshName("will");
  const watcher = await watcherOf(topic);
  const properties = {
    payloadFormatIndicator: true,
    messageExpiryInterval: 600,
    contentType: "text/plain",
    responseTopic: "answer/here",
    correlationData: Buffer.from([1, 0, 255]),
    userProperties: { colour: ["red", "green"], size: "1" },
  };
  await (await mqttjsClient(target, { will: { ...will(topic).will, properties } })).drop();
  const { packet } = nth(await watcher.messages.first(1), 0);
  const { messageExpiryInterval, ...others } = properties;
  expect(packet.properties).toMatchObject(others);
  expect(packet.properties?.messageExpiryInterval).toBeGreaterThan(messageExpiryInterval - 100);
});

describe("a delayed will", () => {
  const delayed = (topic: string, seconds: number): IClientOptions => ({
    clean: false,
    properties: { sessionExpiryInterval: 600 },
    will: { ...will(topic).will, properties: { willDelayInterval: seconds } },
  });

  test("waits, and is published when its time is over", async () => {
    const topic = freshName("will");
    const watcher = await watcherOf(topic);
    const clientId = freshName("delayed");
    const droppedAtMs = performance.now();
    await (await mqttjsClient(target, { clientId, ...delayed(topic, 1) })).drop();
    await watcher.publish(topic, "first", { qos: 1 });
    await watcher.messages.first(1);
    await expectSeen(watcher, ["first", "gone"]);
    expect(performance.now() - droppedAtMs).toBeGreaterThan(990);
    await mqttjsClient(target, { clientId });
  });

  test("is not published where the client is back in time", async () => {
    const topic = freshName("will");
    const watcher = await watcherOf(topic);
    const clientId = freshName("back");
    await (await mqttjsClient(target, { clientId, ...delayed(topic, 1) })).drop();
    const back = await mqttjsClient(target, { clientId, clean: false, properties: { sessionExpiryInterval: 600 } });
    // A later will with the same delay: when it has come, the first one would have come too.
    const other = await mqttjsClient(target, { clientId: freshName("other"), ...delayed(topic, 1) });
    other.client.stream.destroy();
    await expectSeen(watcher, ["gone"]);
    await back.end({ properties: { sessionExpiryInterval: 0 } });
  });

  test("is published at once where the session ends before", async () => {
    const topic = freshName("will");
    const watcher = await watcherOf(topic);
    const options = delayed(topic, 600);
    const clientId = freshName("restarted");
    await (await mqttjsClient(target, { clientId, ...options, properties: { sessionExpiryInterval: 0 } })).drop();
    await expectSeen(watcher, ["gone"]);
    await (await mqttjsClient(target, { clientId, ...options })).drop();
    await mqttjsClient(target, { clientId, clean: true });
    await expectSeen(watcher, ["gone", "gone"]);
  });
});
