import type { ConfirmChannel, ConsumeMessage, Options } from "amqplib";
import { expect, onTestFinished, test } from "vitest";
import { amqplibConfirmChannel, messagesOf } from "../harness/amqplib-client.ts";
import { type ClusterBroker, startClusterBroker } from "../harness/cluster-broker.ts";
import { connectFlags, connectPacket, packetTypes, property, propertyIds } from "../harness/mqtt-wire.ts";
import { mqttjsClient } from "../harness/mqttjs-client.ts";
import { decodePublish, RawMqttConnection } from "../harness/raw-mqtt-connection.ts";
import { RedisServer } from "../harness/redis-server.ts";
import { allStored, shortLease } from "../harness/stale-leader.ts";
import { StayingClient, stayingChannel, stayingSession, stayingSubscriber } from "../harness/staying-client.ts";
import { stompjsClient } from "../harness/stompjs-client.ts";
import { waitFor } from "../harness/waiting.ts";
import { Link } from "../soak/stage/link.ts";

const count = 40;
const timeToLiveMs = 4000;

/** A client of the doubtful leader, and what it does there. */
interface Act {
  readonly client: StayingClient;
  /** What needs an answer may never get one. */
  readonly run: () => unknown;
}

type Prepare = (leader: ClusterBroker, queue: string) => Promise<Act>;

/** Does something with the first message that an AMQP consumer was given. */
function withFirst(act: (channel: ConfirmChannel, message: ConsumeMessage) => unknown): Prepare {
  return async (leader, queue) => {
    const [client, channel] = await stayingChannel(leader);
    let first: ConsumeMessage | null = null;
    await channel.prefetch(1);
    await channel.consume(queue, (message) => {
      first ??= message;
      client.given.push(String(message?.content));
    });
    await client.holdsOne();
    return { client, run: () => act(channel, first as unknown as ConsumeMessage) };
  };
}

/** Does something on an AMQP channel that consumes nothing. */
function onChannel(act: (channel: ConfirmChannel, queue: string, client: StayingClient) => unknown): Prepare {
  return async (leader, queue) => {
    const [client, channel] = await stayingChannel(leader);
    return { client, run: () => act(channel, queue, client) };
  };
}

const acts: Readonly<Record<string, Prepare>> = {
  ack: withFirst((channel, message) => channel.ack(message)),
  "requeueing nack": withFirst((channel, message) => channel.nack(message, false, true)),
  reject: withFirst((channel, message) => channel.reject(message, false)),
  recover: withFirst((channel) => channel.recover()),
  get: onChannel(async (channel, queue, client) => {
    const message = await channel.get(queue, { noAck: true });
    if (message !== false) client.given.push(message.content.toString());
  }),
  consume: onChannel(async (channel, queue, client) => {
    await channel.consume(queue, (message) => void client.given.push(String(message?.content)), { noAck: true });
  }),
  overflow: onChannel((channel, queue) => channel.sendToQueue(queue, Buffer.from("new"), { persistent: true })),
  expiry: onChannel(() => undefined),
  "stomp ack": async (leader, queue) => {
    const client = await (await stayingSubscriber(leader, queue)).holdsOne();
    return { client, run: () => client.sendLate() };
  },
  "stomp nack": async (leader, queue) => {
    const client = new StayingClient();
    const stomp = await stompjsClient(leader.stomp, { heartbeatIncoming: 0, heartbeatOutgoing: 0 });
    stomp.client.onWebSocketClose = () => (client.ended = true);
    const headers = { ack: "client-individual", "prefetch-count": "1" };
    const inbox = await stomp.subscribe(`/amq/queue/${queue}`, headers);
    inbox.onItem = ({ body }) => client.given.push(body);
    for (const { body } of inbox.items) client.given.push(body);
    const first = (await inbox.first(1))[0];
    return { client, run: () => first?.nack({ requeue: "false" }) };
  },
};

const optionsOf: Readonly<Record<string, Options.AssertQueue>> = {
  overflow: { maxLength: count },
  expiry: { messageTtl: timeToLiveMs },
};

/** A second client of the same session, which may wait for CONNACK in vain. */
async function takeSessionOver(leader: ClusterBroker, clientId: string): Promise<StayingClient> {
  const client = new StayingClient();
  const mqtt = await RawMqttConnection.connect(leader.mqtt);
  mqtt.socket.once("close", () => (client.ended = true));
  mqtt.onPacket = (packet) => {
    if (packet.type === packetTypes.publish) client.given.push(`again: ${decodePublish(packet, 5).text}`);
  };
  const flags = connectFlags.name | connectFlags.password;
  mqtt.send(connectPacket({ clientId, flags, properties: [property.long(propertyIds.sessionExpiry, 3600)] }));
  return client;
}

/** Takes everything there, and acknowledges it for good. */
async function settleAll(broker: ClusterBroker, queues: readonly string[]): Promise<void> {
  for (const queue of queues) {
    const channel = await amqplibConfirmChannel(broker.amqpUrl);
    const inbox = await messagesOf(channel, queue);
    for (const message of await inbox.first(count)) channel.ack(message);
    expect((await channel.checkQueue(queue)).messageCount).toBe(0);
  }
  await allStored(broker);
}

test("a leader that does not know yet that it was succeeded gives no stored message away, whatever its clients do", async () => {
  const redis = await RedisServer.start();
  const link = await Link.open(redis.port);
  onTestFinished(() => link.close());
  const leader = await startClusterBroker(`redis://127.0.0.1:${link.port}/0`, shortLease);
  await leader.becomes("ready");
  const standby = await startClusterBroker(redis.address, shortLease);
  await standby.becomes("standby", "leads");

  const queues = Object.keys(acts);
  const [owner, ownChannel] = await stayingChannel(leader);
  await ownChannel.assertExchange("dead", "topic");
  await ownChannel.assertQueue("own", { exclusive: true });
  await ownChannel.bindQueue("own", "dead", "#");
  await ownChannel.consume(
    "own",
    (message) => void owner.given.push(`dead: ${message?.fields.routingKey} ${message?.content}`),
    { noAck: true },
  );
  // A connection that publishes is not read from while the store cannot be written.
  const filling = await amqplibConfirmChannel(leader.amqpUrl);
  for (const queue of queues) {
    await filling.assertQueue(queue, { deadLetterExchange: "dead", ...optionsOf[queue] });
    for (let at = 0; at < count; at++) filling.sendToQueue(queue, Buffer.from(`${queue} ${at}`), { persistent: true });
  }
  await filling.waitForConfirms();
  const overMs = performance.now() + timeToLiveMs;
  const done: Act[] = [];
  for (const queue of queues) done.push(await (acts[queue] as Prepare)(leader, queue));

  const session = { clientId: "kept", clean: false, properties: { sessionExpiryInterval: 3600 } };
  const mqtt = await stayingSession(leader, "kept", "news");
  const other = await stayingSession(leader, "other", "news");
  const reporter = await mqttjsClient(leader.mqtt);
  for (let at = 0; at < count; at++) await reporter.publish("news", `${at}`, { qos: 1 });
  await Promise.all([mqtt.holdsOne(), other.holdsOne()]);
  await allStored(leader);

  // Whoever says goodbye to the leader at the end of the test is to be answered.
  onTestFinished(() => link.setAway(false));
  link.setAway(true);
  await standby.becomes("ready");
  await settleAll(standby, queues);
  for (const clientId of ["kept", "other"]) {
    const next = await mqttjsClient(standby.mqtt, { ...session, clientId });
    await next.messages.first(count);
    await next.settled();
    await next.end();
  }
  await allStored(standby);
  const clients = [owner, mqtt, other, ...done.map(({ client }) => client)];
  const before = clients.map(({ given }) => given.length);
  const stale = (): readonly string[] => clients.flatMap(({ given }, at) => given.slice(before[at]));

  for (const { run } of done) void Promise.resolve(run()).catch(() => undefined);
  mqtt.sendLate();
  const again = await takeSessionOver(leader, "other");
  clients.push(again);
  before.push(0);
  await waitFor("the end of their time", () => performance.now() > overMs + 500);
  await ownChannel.checkQueue("own");
  const inDoubt = [...stale()];
  link.setAway(false);
  await waitFor("the end of the connections", () => clients.every(({ ended }) => ended));
  expect([inDoubt, stale()]).toEqual([[], []]);
});
