import { expect, describe, test } from "vitest";
import { amqplibConfirmChannel } from "../harness/amqplib-client.ts";
import { type BrokerProcess, startBrokerProcess, temporaryDataDir } from "../harness/broker-process.ts";
import { localMqtt } from "../harness/mqtt-target.ts";
import { packetTypes as types, property, propertyIds as ids, publishPacket } from "../harness/mqtt-wire.ts";
import { mqttjsClient, type MqttjsClient } from "../harness/mqttjs-client.ts";
import { RawMqttConnection } from "../harness/raw-mqtt-connection.ts";
import { waitFor } from "../harness/waiting.ts";

function clientOf(broker: BrokerProcess, options: Parameters<typeof mqttjsClient>[1] = {}): Promise<MqttjsClient> {
  return mqttjsClient(localMqtt(broker.mqttPort), options);
}

const session = { clientId: "kept", clean: false, properties: { sessionExpiryInterval: 3600 } };

describe.each(["SIGTERM", "SIGKILL"] as const)("after %s and a new start", (signal) => {
  test("sessions, their subscriptions, what waits in them, and retained messages are there", async () => {
    const dataDir = await temporaryDataDir();
    const before = await startBrokerProcess(dataDir);
    const first = await clientOf(before, session);
    await first.subscribe("news/+", { qos: 2, properties: { subscriptionIdentifier: 9 } });
    await first.subscribe("$share/group/work", { qos: 1 });
    await first.end();
    const old = await clientOf(before, { clientId: "old", protocolVersion: 4, clean: false });
    await old.subscribe("news/today", { qos: 1 });
    await old.end();
    const publisher = await clientOf(before);
    const userProperties = { colour: ["red", "green"] };
    await publisher.publish("news/today", "one", { qos: 1, properties: { userProperties } });
    await publisher.publish("news/v1.2", "two", { qos: 2 });
    await publisher.publish("work", "three", { qos: 1 });
    await publisher.publish("kept/a", "retained", { qos: 1, retain: true, properties: { contentType: "text/plain" } });
    await publisher.publish("kept/b", "removed", { qos: 1, retain: true });
    await publisher.publish("kept/b", "", { qos: 1, retain: true });
    const amqp = await amqplibConfirmChannel(before.url);
    amqp.publish("amq.topic", "news.amqp", Buffer.from("from AMQP"), { persistent: true });
    await amqp.waitForConfirms();
    await before.end(signal);

    const after = await startBrokerProcess(dataDir);
    const back = await clientOf(after, session);
    expect(back.connack.sessionPresent).toBe(true);
    await back.messages.first(4);
    await (await clientOf(after)).publish("news/later", "live", { qos: 1 });
    await back.messages.first(5);
    await back.settled();
    // MQTT.js shows QoS 2 later than QoS 1, as it waits for PUBREL.
    const below = (topic: string) => back.messages.items.filter((message) => message.topic.startsWith(topic));
    const news = below("news").map(({ topic, text, packet }) => [topic, text, packet.qos]);
    expect(news.filter(([, , qos]) => qos === 1)).toEqual([
      ["news/today", "one", 1],
      ["news/amqp", "from AMQP", 1],
      ["news/later", "live", 1],
    ]);
    expect(news.filter(([, , qos]) => qos !== 1)).toEqual([["news/v1.2", "two", 2]]);
    const today = below("news").find(({ topic }) => topic === "news/today");
    expect(today?.packet.properties).toEqual({ userProperties, subscriptionIdentifier: 9 });
    expect(below("work").map(({ text }) => text)).toEqual(["three"]);
    const oldBack = await clientOf(after, { clientId: "old", protocolVersion: 4, clean: false });
    expect((await oldBack.messages.first(1)).map(({ text }) => text)).toEqual(["one"]);
    const newcomer = await clientOf(after);
    await newcomer.subscribe("kept/#", { qos: 1 });
    const [kept] = await newcomer.messages.first(1);
    await newcomer.settled();
    expect(newcomer.seen).toEqual([["kept/a", "retained"]]);
    expect([kept?.packet.retain, kept?.packet.properties]).toEqual([true, { contentType: "text/plain" }]);
  });

  test("a QoS 2 exchange goes on where it stopped, in both directions", async () => {
    const dataDir = await temporaryDataDir();
    const before = await startBrokerProcess(dataDir);
    const kept = { clientId: "raw", flags: 0xc0, properties: [property.long(ids.sessionExpiry, 3600)] };
    const first = await RawMqttConnection.open(localMqtt(before.mqttPort), kept);
    await first.subscribe("exactly", 2);
    first.send(publishPacket({ topic: "exactly", qos: 2, packetId: 9, body: "released" }));
    await first.nextOf(types.pubrec, types.publish);
    await first.nextOf(types.pubrec, types.publish);
    const { packetId } = decodeIdentifier(first);
    first.acknowledge(types.pubrec, packetId);
    await first.next(types.pubrel);
    await before.end(signal);

    const after = await startBrokerProcess(dataDir);
    const second = await RawMqttConnection.open(localMqtt(after.mqttPort), kept);
    expect(second.sessionPresent).toBe(true);
    expect((await second.nextAcknowledgement(types.pubrel))[0]).toBe(packetId);
    second.acknowledge(types.pubcomp, packetId);
    // The publisher has not heard of PUBREC, as far as the broker can know.
    second.send(publishPacket({ topic: "exactly", qos: 2, packetId: 9, body: "released", dup: true }));
    expect(await second.nextAcknowledgement(types.pubrec)).toEqual([9, 0]);
    second.acknowledge(types.pubrel, 9);
    expect(await second.nextAcknowledgement(types.pubcomp)).toEqual([9, 0]);
    await second.expectSilence();
  });
});

function decodeIdentifier({ packets }: RawMqttConnection): { readonly packetId: number } {
  const publish = packets.find(({ type }) => type === types.publish);
  if (publish === undefined) throw new Error("no PUBLISH");
  return { packetId: publish.body.readUInt16BE(2 + publish.body.readUInt16BE(0)) };
}

test("a will that waits is published after a restart, unless its client is back", async () => {
  const dataDir = await temporaryDataDir();
  const before = await startBrokerProcess(dataDir);
  const watcher = await clientOf(before, session);
  await watcher.subscribe("wills/#", { qos: 1 });
  await watcher.end();
  const mortal = (clientId: string, willDelayInterval: number): Promise<MqttjsClient> => {
    const topic = `wills/${clientId}`;
    const will = { topic, payload: Buffer.from("gone"), qos: 1 as const, properties: { willDelayInterval } };
    return clientOf(before, { ...session, clientId, will });
  };
  const [lost, back] = [await mortal("lost", 1), await mortal("back", 2)];
  await Promise.all([lost.drop(), back.drop()]);
  await before.end("SIGKILL");
  const after = await startBrokerProcess(dataDir);
  await clientOf(after, { ...session, clientId: "back" });
  const again = await clientOf(after, session);
  expect((await again.messages.first(1)).map(({ topic }) => topic)).toEqual(["wills/lost"]);
});

test("SIGTERM tells clients of version 5 that the server is shutting down, and closes the others", async () => {
  const broker = await startBrokerProcess(await temporaryDataDir());
  const [young, old] = [await clientOf(broker), await clientOf(broker, { protocolVersion: 4 })];
  const ending = broker.end("SIGTERM");
  await young.ended();
  await old.ended();
  expect(young.disconnects.items.map(({ reasonCode }) => reasonCode)).toEqual([0x8b]);
  expect(await ending).toEqual({ code: 0, signal: null });
});

test("publishes and their answers are counted", async () => {
  const broker = await startBrokerProcess(await temporaryDataDir());
  const client = await clientOf(broker);
  await client.subscribe("counted", { qos: 1 });
  for (let index = 0; index < 7; index++) await client.publish("counted", "x", { qos: 1 });
  await client.messages.first(7);
  await waitFor("the figures", async () => (await broker.metric("jackalope_messages_published_total")) === 7);
  await waitFor("the figures", async () => (await broker.metric("jackalope_messages_acknowledged_total")) === 7);
});
