import type { ConfirmChannel } from "amqplib";
import { describe, expect, test } from "vitest";
import { amqplibConfirmChannel, messagesOf, texts } from "../harness/amqplib-client.ts";
import { startBrokerPair } from "../harness/broker-pair.ts";
import type { ClusterBroker } from "../harness/cluster-broker.ts";
import { mqttjsClient } from "../harness/mqttjs-client.ts";
import { allStored, drain, fillQueue, givenByStaleLeader, shortLease } from "../harness/stale-leader.ts";
import {
  publishNoting,
  type StayingClient,
  stayingChannel,
  stayingConsumer,
  stayingNoAckConsumer,
  stayingSession,
  stayingSubscriber,
} from "../harness/staying-client.ts";
import { waitFor } from "../harness/waiting.ts";

const count = 40;
const bodies = Array.from({ length: count }, (_, index) => `${index}`);

/** Takes all messages of a queue, and acknowledges them for good. */
async function settle(broker: ClusterBroker, queue: string, messages: readonly string[] = bodies): Promise<void> {
  const channel = await amqplibConfirmChannel(broker.amqpUrl);
  const inbox = await messagesOf(channel, queue);
  const taken = await inbox.first(messages.length);
  for (const message of taken) channel.ack(message);
  // It is answered behind the acknowledgements.
  expect((await channel.checkQueue(queue)).messageCount).toBe(0);
  expect(texts(inbox.items)).toEqual(messages);
  await allStored(broker);
}

describe("a leader that was paused past its lease, and whose messages are settled elsewhere, gives nothing away", () => {
  test("for an AMQP acknowledgement that waits in the socket", async () => {
    const [leader, standby] = await startBrokerPair(shortLease);
    await fillQueue(leader, "work", bodies);
    const client = await (await stayingConsumer(leader, "work")).holdsOne();
    const stale = await givenByStaleLeader(leader, standby, [client], () => settle(standby, "work"));
    expect(stale).toEqual([]);
    expect(client.given).toEqual(["0"]);
  });

  test("for publishes that wait in the socket, where a consumer acknowledges nothing", async () => {
    const [leader, standby] = await startBrokerPair(shortLease);
    await fillQueue(leader, "work", ["before"]);
    const consumer = await (await stayingNoAckConsumer(leader, "work")).holdsOne();
    const [producer, channel] = await stayingChannel(leader);
    producer.sendLate = () => {
      publishNoting([producer, channel], "work", "persistent");
      channel.sendToQueue("work", Buffer.from("transient"));
    };
    const stale = await givenByStaleLeader(leader, standby, [consumer, producer], () => settle(standby, "work", []));
    expect(stale).toEqual([]);
    expect(producer.confirmed).toEqual([]);
  });

  test("for basic.get that waits in the socket", async () => {
    const [leader, standby] = await startBrokerPair(shortLease);
    await fillQueue(leader, "work", bodies);
    const [client, channel] = await stayingChannel(leader);
    client.sendLate = () => void getInto(client, channel);
    const stale = await givenByStaleLeader(leader, standby, [client], () => settle(standby, "work"));
    expect(stale).toEqual([]);
  });

  test("for a STOMP acknowledgement that waits in the socket", async () => {
    const [leader, standby] = await startBrokerPair(shortLease);
    await fillQueue(leader, "work", bodies);
    const client = await (await stayingSubscriber(leader, "work")).holdsOne();
    const stale = await givenByStaleLeader(leader, standby, [client], () => settle(standby, "work"));
    expect(stale).toEqual([]);
    expect(client.given).toEqual(["0"]);
  });

  test("for a PUBACK that waits in the socket", async () => {
    const [leader, standby] = await startBrokerPair(shortLease);
    const client = await stayingSession(leader, "kept", "news");
    const publisher = await mqttjsClient(leader.mqtt);
    for (const body of bodies) await publisher.publish("news", body, { qos: 1 });
    await client.holdsOne();
    const stale = await givenByStaleLeader(leader, standby, [client], async () => {
      const options = { clientId: "kept", clean: false, properties: { sessionExpiryInterval: 3600 } };
      const next = await mqttjsClient(standby.mqtt, options);
      expect(next.connack.sessionPresent).toBe(true);
      expect((await next.messages.first(count)).map(({ text }) => text)).toEqual(bodies);
      await next.settled();
      await allStored(standby);
    });
    expect(stale).toEqual([]);
    expect(client.given).toEqual(["0"]);
  });

  test("for messages whose time ended meanwhile, and that would be dead-lettered to queues of its own", async () => {
    const [leader, standby] = await startBrokerPair(shortLease);
    const timeToLiveMs = 3000;
    const channel = await amqplibConfirmChannel(leader.amqpUrl);
    await channel.assertExchange("dead", "fanout");
    await channel.assertQueue("work", { deadLetterExchange: "dead", messageTtl: timeToLiveMs });
    const [owner, ownChannel] = await stayingChannel(leader);
    await ownChannel.assertQueue("exclusive", { exclusive: true });
    await ownChannel.assertQueue("transient", { durable: false });
    for (const queue of ["exclusive", "transient"]) {
      await ownChannel.bindQueue(queue, "dead", "");
      const take = (text: string): void => void owner.given.push(`${queue} ${text}`);
      await ownChannel.consume(queue, (message) => take(String(message?.content)), { noAck: true });
    }
    for (const body of bodies) channel.sendToQueue("work", Buffer.from(body), { persistent: true });
    await channel.waitForConfirms();
    // Well over: the leader is to find them expired when it wakes.
    const overMs = performance.now() + timeToLiveMs + 500;
    const stale = await givenByStaleLeader(leader, standby, [owner], async () => {
      // On a slow machine some are dead-lettered there in place of being taken.
      await drain(standby, "work");
      await waitFor("the end of their time", () => performance.now() > overMs);
    });
    expect(stale).toEqual([]);
    expect(owner.given).toEqual([]);
  });
});

/** Asks for one message. */
async function getInto(client: StayingClient, channel: ConfirmChannel): Promise<void> {
  // The connection may end in place of an answer.
  const message = await channel.get("work", { noAck: true }).catch(() => false as const);
  if (message !== false) client.given.push(message.content.toString());
}
