import { expect, test } from "vitest";
import { type BrokerProcess, startBrokerProcess, temporaryDataDir } from "../harness/broker-process.ts";
import { localMqtt } from "../harness/mqtt-target.ts";
import { connectPacket, packetTypes as types, publishPacket } from "../harness/mqtt-wire.ts";
import { mqttjsClient } from "../harness/mqttjs-client.ts";
import { RawMqttConnection } from "../harness/raw-mqtt-connection.ts";
import { waitFor } from "../harness/waiting.ts";

const mebibyte = 1024 * 1024;
const growthMax = 150 * mebibyte;
const dropped = 'jackalope_messages_dropped_total{reason="overload"}';

/** A message there and back for somebody who has nothing to do with it. */
async function expectOthersServed(broker: BrokerProcess): Promise<void> {
  const client = await mqttjsClient(localMqtt(broker.mqttPort));
  await client.subscribe("others", { qos: 1 });
  await client.publish("others", "still there?", { qos: 1 });
  expect((await client.messages.first(1, 5000)).map(({ text }) => text)).toEqual(["still there?"]);
  await client.end();
}

test("a subscriber of QoS 0 that does not read costs a bounded amount of memory, and what it misses is counted", async () => {
  const broker = await startBrokerProcess(await temporaryDataDir(), ["--mqtt-slow-qos0-messages-max", "1000"]);
  const address = localMqtt(broker.mqttPort);
  const deaf = await RawMqttConnection.open(address);
  await deaf.subscribe("flood", 0);
  deaf.socket.pause();
  const reading = await mqttjsClient(address);
  await reading.subscribe("flood", { qos: 0 });
  const beforeBytes = await broker.residentBytes();
  const publisher = await RawMqttConnection.open(address);
  const body = Buffer.alloc(16 * 1024, 7);
  const chunk = Buffer.concat(Array.from({ length: 64 }, () => publishPacket({ topic: "flood", body })));
  for (let sent = 1; sent <= 200; sent++) {
    publisher.send(chunk);
    // One who keeps up misses nothing.
    await reading.messages.first(64 * sent);
  }
  expect(await broker.metric(dropped)).toBeGreaterThan(1000);
  expect((await broker.residentBytes()) - beforeBytes).toBeLessThan(growthMax);
  await expectOthersServed(broker);
  // What was kept for it is whole.
  deaf.socket.resume();
  await waitFor("deliveries", () => deaf.packets.filter(({ type }) => type === types.publish).length > 1000);
  await deaf.expectLiving();
});

test("a subscriber of QoS 1 that never acknowledges gets what its window allows, and the rest waits within its bound", async () => {
  const broker = await startBrokerProcess(await temporaryDataDir(), ["--mqtt-session-messages-max", "500"]);
  const address = localMqtt(broker.mqttPort);
  const silent = await RawMqttConnection.open(address);
  await silent.subscribe("window", 1);
  const publisher = await mqttjsClient(address);
  for (let batch = 0; batch < 6; batch++) {
    // Fewer at a time than the broker allows: MQTT.js does not count.
    const texts = Array.from({ length: 500 }, (_, index) => String(500 * batch + index));
    await Promise.all(texts.map((text) => publisher.publish("window", text, { qos: 1 })));
  }
  const received = () => silent.packets.filter(({ type }) => type === types.publish).length;
  await waitFor("a full window", () => received() === 1024);
  await silent.expectLiving();
  expect(received()).toBe(1024);
  expect(await broker.metric('jackalope_messages_dropped_total{reason="maxlen"}')).toBe(3000 - 1024 - 500);
});

test("connections that come and go, bring garbage or say nothing, disturb nobody and leave nothing", async () => {
  const broker = await startBrokerProcess(await temporaryDataDir(), ["--handshake-timeout", "500ms"]);
  const address = localMqtt(broker.mqttPort);
  const silent = await Promise.all(Array.from({ length: 100 }, () => RawMqttConnection.connect(address)));
  for (let round = 0; round < 10; round++) {
    const clients = await Promise.all(Array.from({ length: 50 }, () => RawMqttConnection.connect(address)));
    for (const [index, client] of clients.entries()) client.send(opening(round * 50 + index));
    await Promise.all(clients.filter((_, index) => index % 3 === 0).map((client) => client.untilEnd()));
    for (const client of clients) client.socket.destroy();
  }
  await Promise.all(silent.map((connection) => connection.expectEnd()));
  await expectOthersServed(broker);
  await waitFor("the end of all connections", async () => (await broker.metric("jackalope_connections")) === 0);
});

/** Garbage, half a CONNECT, or a whole one. */
function opening(index: number): Buffer {
  const bytes = connectPacket({ clientId: `flood-${index}` });
  if ((index % 50) % 3 === 0)
    return Buffer.from(Array.from({ length: 100 }, (_, at) => (at * 31 + index * 17 + 0x20) & 255));
  return index % 2 === 0 ? bytes : bytes.subarray(0, bytes.length - 3);
}
