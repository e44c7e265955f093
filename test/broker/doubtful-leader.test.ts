import { expect, onTestFinished, test } from "vitest";
import { type Act, actsInDoubt, countInDoubt, optionsInDoubt, timeToLiveMs } from "../harness/acts-in-doubt.ts";
import { amqplibConfirmChannel } from "../harness/amqplib-client.ts";
import { startBrokerPairWithLink } from "../harness/broker-pair.ts";
import type { ClusterBroker } from "../harness/cluster-broker.ts";
import { connectFlags, connectPacket, packetTypes, property, propertyIds } from "../harness/mqtt-wire.ts";
import { mqttjsClient } from "../harness/mqttjs-client.ts";
import { decodePublish, RawMqttConnection } from "../harness/raw-mqtt-connection.ts";
import { allStored, drain, shortLease } from "../harness/stale-leader.ts";
import { StayingClient, stayingChannel, stayingSession } from "../harness/staying-client.ts";
import { waitFor } from "../harness/waiting.ts";

const queues = Object.keys(actsInDoubt);
const session = { clean: false, properties: { sessionExpiryInterval: 3600 } };

/** Owns a queue of this broker alone, and takes the dead letters of all others from there. */
async function ownerOfDeadLetters(broker: ClusterBroker): Promise<StayingClient> {
  const [owner, channel] = await stayingChannel(broker);
  await channel.assertExchange("dead", "topic");
  await channel.assertQueue("own", { exclusive: true });
  await channel.bindQueue("own", "dead", "#");
  const take = (text: string): void => void owner.given.push(`dead letter: ${text}`);
  await channel.consume("own", (message) => take(String(message?.content)), { noAck: true });
  return owner;
}

async function fillQueues(broker: ClusterBroker): Promise<void> {
  const channel = await amqplibConfirmChannel(broker.amqpUrl);
  for (const queue of queues) {
    await channel.assertQueue(queue, { deadLetterExchange: "dead", ...optionsInDoubt[queue] });
    for (let at = 0; at < countInDoubt; at++) {
      channel.sendToQueue(queue, Buffer.from(`${queue} ${at}`), { persistent: true });
    }
  }
  await channel.waitForConfirms();
}

/** A second client of the same session, which may wait for CONNACK in vain. */
async function takeSessionOver(leader: ClusterBroker, clientId: string): Promise<StayingClient> {
  const client = new StayingClient();
  const mqtt = await RawMqttConnection.connect(leader.mqtt);
  mqtt.socket.once("close", () => (client.ended = true));
  mqtt.onPacket = (packet) => {
    if (packet.type === packetTypes.publish) client.given.push(`session taken over: ${decodePublish(packet, 5).text}`);
  };
  const flags = connectFlags.name | connectFlags.password;
  mqtt.send(connectPacket({ clientId, flags, properties: [property.long(propertyIds.sessionExpiry, 3600)] }));
  return client;
}

async function settleThere(standby: ClusterBroker, clientIds: readonly string[]): Promise<void> {
  for (const queue of queues) await drain(standby, queue);
  for (const clientId of clientIds) {
    const client = await mqttjsClient(standby.mqtt, { ...session, clientId });
    await client.messages.first(countInDoubt);
    await client.settled();
    await client.end();
  }
  await allStored(standby);
}

test("a leader that does not know yet of its successor gives no stored message away, whatever its clients do", async () => {
  const [leader, standby, link] = await startBrokerPairWithLink(shortLease);
  const owner = await ownerOfDeadLetters(leader);
  await fillQueues(leader);
  const acts: Act[] = [];
  for (const [queue, prepare] of Object.entries(actsInDoubt)) acts.push(await prepare(leader, queue));
  // Well over: whoever looks is to find them expired.
  const overMs = performance.now() + timeToLiveMs + 500;
  const kept = await stayingSession(leader, "kept", "news");
  const other = await stayingSession(leader, "other", "news");
  const reporter = await mqttjsClient(leader.mqtt);
  for (let at = 0; at < countInDoubt; at++) await reporter.publish("news", `${at}`, { qos: 1 });
  await Promise.all([kept.holdsOne(), other.holdsOne()]);
  await allStored(leader);

  // Whoever says goodbye to the leader at the end of the test is to be answered.
  onTestFinished(() => link.setAway(false));
  link.setAway(true);
  await standby.becomes("ready");
  await settleThere(standby, ["kept", "other"]);

  const clients = [owner, kept, other, ...acts.map(({ client }) => client)];
  const before = clients.map(({ given }) => given.length);
  for (const { run } of acts) void Promise.resolve(run()).catch(() => undefined);
  kept.sendLate();
  clients.push(await takeSessionOver(leader, "other"));
  await waitFor("the end of their time", () => performance.now() > overMs);
  // It has done all of that when it answers who came last.
  await (await mqttjsClient(leader.mqtt)).settled();
  link.setAway(false);
  await waitFor("the end of the connections", () => clients.every(({ ended }) => ended));
  expect(clients.flatMap(({ given }, at) => given.slice(before[at] ?? 0))).toEqual([]);
});
