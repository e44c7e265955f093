import { createBroker, type CreateBrokerOptions } from "@jackalope/server";
import { describe, expect, onTestFinished, test } from "vitest";
import { localMqtt, type MqttAddress, mqttOnFreePorts } from "../harness/mqtt-target.ts";
import { packetTypes as types, property, propertyIds as ids, publishPacket } from "../harness/mqtt-wire.ts";
import { mqttjsClient, refusalOf } from "../harness/mqttjs-client.ts";
import { RawMqttConnection } from "../harness/raw-mqtt-connection.ts";

async function brokerWith(options: CreateBrokerOptions): Promise<MqttAddress> {
  const broker = await createBroker({ ...mqttOnFreePorts, ...options });
  onTestFinished(() => broker.close());
  return localMqtt(broker.ports.mqtt);
}

test("a keep alive that is longer than the broker's is replaced by it, and kept to", async () => {
  const address = await brokerWith({ mqttKeepAliveMax: "1s" });
  const modest = await mqttjsClient(address, { keepalive: 60 });
  expect(modest.connack.properties?.serverKeepAlive).toBe(1);
  const silent = await RawMqttConnection.open(address, { keepAliveSeconds: 60 });
  await silent.expectDisconnect(0x8d);
  await modest.settled();
  const old = await mqttjsClient(address, { protocolVersion: 4, keepalive: 60 });
  await old.settled();
});

test("a session expiry that is longer than the broker's is cut to it, and the client is told", async () => {
  const address = await brokerWith({ mqttSessionExpiryMax: "1s" });
  const watcher = await mqttjsClient(address);
  await watcher.subscribe("wills/#", { qos: 1 });
  const will = {
    topic: "wills/x",
    payload: Buffer.from("over"),
    qos: 1 as const,
    properties: { willDelayInterval: 600 },
  };
  const client = await mqttjsClient(address, {
    clientId: "long",
    clean: false,
    properties: { sessionExpiryInterval: 3600 },
    will,
  });
  expect(client.connack.properties?.sessionExpiryInterval).toBe(1);
  await client.drop();
  // The will comes with the end of the session.
  await watcher.messages.first(1);
});

test("response information is the topic below which a client may be answered, for those that ask for it", async () => {
  const address = await brokerWith({});
  const asking = await mqttjsClient(address, { clientId: "caller", properties: { requestResponseInformation: true } });
  const prefix = asking.connack.properties?.responseInformation ?? "";
  expect(prefix).toContain("caller");
  const modest = await mqttjsClient(address, { clientId: "modest" });
  expect(modest.connack.properties?.responseInformation).toBeUndefined();
  await asking.subscribe(`${prefix}/#`, { qos: 1 });
  await modest.publish(`${prefix}/answer`, "here", { qos: 1 });
  expect((await asking.messages.first(1)).map(({ text }) => text)).toEqual(["here"]);
});

describe("one message more than may be retained", () => {
  test("is refused by 0x97 in version 5, and by the end of the connection before", async () => {
    const address = await brokerWith({ mqttRetainedMessagesMax: 1 });
    const connection = await RawMqttConnection.open(address);
    const publish = (topic: string, packetId: number, body = "x"): Promise<readonly [number, number]> => {
      connection.send(publishPacket({ topic, qos: 1, packetId, retain: true, body }));
      return connection.nextAcknowledgement(types.puback);
    };
    expect(await publish("one", 1)).toEqual([1, 0x10]);
    expect(await publish("two", 2)).toEqual([2, 0x97]);
    expect(await publish("one", 3, "again")).toEqual([3, 0x10]);
    const old = await RawMqttConnection.open(address, { version: 4, clientId: "old" });
    old.send(publishPacket({ version: 4, topic: "three", qos: 1, retain: true, body: "x" }));
    await old.expectEnd();
  });
});

test("a packet larger than the setting is refused before it has arrived", async () => {
  const address = await brokerWith({ mqttPacketMax: 2048 });
  const client = await mqttjsClient(address);
  expect(client.connack.properties?.maximumPacketSize).toBe(2048);
  const connection = await RawMqttConnection.open(address);
  connection.send(publishPacket({ topic: "big", body: Buffer.alloc(4000) }).subarray(0, 100));
  await connection.expectDisconnect(0x95);
});

test("topic aliases are as many as the setting says", async () => {
  const address = await brokerWith({ mqttTopicAliasMax: 2 });
  const connection = await RawMqttConnection.open(address, {
    properties: [property.short(ids.topicAliasMaximum, 100)],
  });
  await connection.subscribe("t/#", 0);
  for (const alias of [1, 2]) {
    connection.send(publishPacket({ topic: `t/${alias}`, properties: [property.short(ids.topicAlias, alias)] }));
    connection.send(publishPacket({ topic: "", properties: [property.short(ids.topicAlias, alias)] }));
    const [first, second] = [await connection.nextPublish(), await connection.nextPublish()];
    expect(first.topic).toBe(`t/${alias}`);
    // The broker's own alias of the same topic.
    expect(second.topic === "" || second.topic === first.topic).toBe(true);
  }
  connection.send(publishPacket({ topic: "t/3", properties: [property.short(ids.topicAlias, 3)] }));
  await connection.expectDisconnect(0x94);
});

test("the exchange and the virtual host of the settings are those of the topics", async () => {
  const { amqplibChannel, messagesOf, texts } = await import("../harness/amqplib-client.ts");
  const broker = await createBroker({ mqttPort: 0, mqttExchange: "devices", mqttVhost: "fleet" });
  onTestFinished(() => broker.close());
  await broker.broker.createVirtualHost("fleet");
  await broker.broker.users.setPermissions("guest", "fleet", { configure: ".*", write: ".*", read: ".*" });
  const channel = await amqplibChannel(`${broker.url}/fleet`);
  await channel.assertExchange("devices", "topic");
  const { queue } = await channel.assertQueue("", { exclusive: true });
  await channel.bindQueue(queue, "devices", "room.*");
  const messages = await messagesOf(channel, queue, { noAck: true });
  const client = await mqttjsClient(localMqtt(broker.ports.mqtt));
  await client.subscribe("room/+", { qos: 1 });
  await client.publish("room/1", "by MQTT", { qos: 1 });
  expect(texts(await messages.first(1))).toEqual(["by MQTT"]);
  channel.publish("devices", "room.2", Buffer.from("by AMQP"));
  await client.messages.first(2);
  expect(client.seen).toEqual([
    ["room/1", "by MQTT"],
    ["room/2", "by AMQP"],
  ]);
});

test("with the engine aedes the same port speaks 3.1 and 3.1.1, and refuses 5", async () => {
  const address = await brokerWith({ mqttEngine: "aedes" });
  for (const protocolVersion of [3, 4] as const) {
    const client = await mqttjsClient(address, { protocolVersion });
    await client.subscribe("a/+", { qos: 2 });
    await client.publish("a/b", "by aedes", { qos: 2 });
    expect((await client.messages.first(1)).map(({ text }) => text)).toEqual(["by aedes"]);
  }
  expect([1, 0x84]).toContain(await refusalOf(address, { protocolVersion: 5 }));
});
