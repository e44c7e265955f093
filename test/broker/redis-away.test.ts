import { expect, test } from "vitest";
import { amqplibChannel, amqplibConfirmChannel, messagesOf, texts } from "../harness/amqplib-client.ts";
import { startBrokerBehindLink } from "../harness/broker-pair.ts";
import { type ClusterBroker, startClusterBroker } from "../harness/cluster-broker.ts";
import { connectFlags, packetTypes, property, propertyIds } from "../harness/mqtt-wire.ts";
import { mqttjsClient } from "../harness/mqttjs-client.ts";
import { nth } from "../harness/nth.ts";
import { heartbeat, RawConnection } from "../harness/raw-connection.ts";
import { RawMqttConnection } from "../harness/raw-mqtt-connection.ts";
import { RedisServer } from "../harness/redis-server.ts";
import { fillQueue } from "../harness/stale-leader.ts";
import { type StayingClient, stayingChannel } from "../harness/staying-client.ts";
import { stompjsClient } from "../harness/stompjs-client.ts";
import { targetOf } from "../harness/target.ts";
import { waitFor } from "../harness/waiting.ts";
import type { Link } from "../soak/stage/link.ts";

const leaseMs = 1000;
const lease = ["--redis-lease", `${leaseMs}ms`];
const bodies = Array.from({ length: 20 }, (_, index) => `${index}`);

/** Takes one message at a time, and acknowledges the last one when it is told to. */
async function takeOneByOne(broker: ClusterBroker, queue: string): Promise<StayingClient & { sent(): Promise<void> }> {
  const [client, channel] = await stayingChannel(broker);
  await channel.prefetch(1);
  await channel.consume(queue, (message) => {
    if (message === null) return;
    client.given.push(`${message.fields.redelivered ? "again " : ""}${message.content}`);
    client.sendLate = () => channel.ack(message);
  });
  await client.holdsOne();
  // What the broker has sent before its answer has come.
  return Object.assign(client, { sent: async () => void (await channel.checkQueue(queue)) });
}

/** Heartbeats that came. */
function heartbeatsOf(connection: RawConnection): number {
  return connection.frames.filter(({ type }) => type === 8).length;
}

const ways: readonly (readonly [name: string, block: (link: Link, away: boolean) => void])[] = [
  ["cut off", (link, away) => link.setAway(away)],
  ["silent", (link, away) => link.holdAnswers(away)],
];

test.each(ways)(
  "while Redis is %s past the lease clients stay, stored messages wait, and all goes on by itself",
  async (_, block) => {
    const redis = await RedisServer.start();
    const [broker, link] = await startBrokerBehindLink(redis, lease);
    await fillQueue(broker, "durable", bodies);
    const durable = await takeOneByOne(broker, "durable");
    const setup = await amqplibChannel(broker.amqpUrl);
    await setup.assertQueue("transient", { durable: false });
    for (const body of bodies) setup.sendToQueue("transient", Buffer.from(body));
    const transient = await takeOneByOne(broker, "transient");
    const session = await RawMqttConnection.open(broker.mqtt, {
      clientId: "kept",
      flags: connectFlags.name | connectFlags.password,
      properties: [property.long(propertyIds.sessionExpiry, 3600), property.short(propertyIds.receiveMaximum, 1)],
    });
    await session.subscribe("news", 1);
    const reporter = await mqttjsClient(broker.mqtt);
    for (const body of ["first", "second"]) await reporter.publish("news", body, { qos: 1 });
    const first = await session.nextPublish();
    const stomp = await stompjsClient(broker.stomp, { heartbeatIncoming: 500, heartbeatOutgoing: 500 });
    const letters = await stomp.subscribe("/queue/letters", { ack: "client-individual", "prefetch-count": "1" });
    for (const body of ["one", "two"]) await stomp.send("/queue/letters", body, { persistent: "true" });
    const letter = nth(await letters.first(1), 0);
    const beating = await RawConnection.open(
      targetOf(broker.amqpUrl, () => Promise.resolve()),
      { heartbeatSeconds: 1 },
    );
    const publisher = await amqplibConfirmChannel(broker.amqpUrl);

    block(link, true);
    const endMs = performance.now() + leaseMs;
    const confirmed: string[] = [];
    publisher.sendToQueue("durable", Buffer.from("late"), { persistent: true }, (error) => {
      if (error === null) confirmed.push("late");
    });
    await waitFor("the end of the lease", () => performance.now() > endMs);
    // All that they held is acknowledged now, and nothing stored takes its place.
    durable.sendLate();
    session.acknowledge(packetTypes.puback, first.packetId);
    letter.ack();
    const before = heartbeatsOf(beating);
    for (let beats = 1; beats <= 5; beats++) {
      await waitFor("a heartbeat", () => heartbeatsOf(beating) >= before + beats);
      beating.send(heartbeat);
      transient.sendLate();
      await waitFor("what is not stored", () => transient.given.length > beats);
      await session.expectSilence();
    }
    await durable.sent();
    expect([durable.given, letters.items.length, confirmed]).toEqual([["0"], 1, []]);

    block(link, false);
    expect((await session.nextPublish()).text).toBe("second");
    expect((await letters.first(2)).map(({ body }) => body)).toEqual(["one", "two"]);
    for (let taken = 2; taken <= bodies.length + 1; taken++) {
      await waitFor("the next message", () => durable.given.length >= taken);
      durable.sendLate();
    }
    await waitFor("the confirm", () => confirmed.length > 0);
    await durable.sent();
    expect(durable.given).toEqual([...bodies, "late"]);
    expect(transient.given).toEqual(bodies.slice(0, 6));
    expect([durable.ended, transient.ended, session.ended, beating.ended, stomp.client.connected]).toEqual([
      ...[false, false, false, false],
      true,
    ]);
    await broker.becomes("ready");
    // What was acknowledged meanwhile is settled, what is confirmed is stored.
    publisher.sendToQueue("durable", Buffer.from("last"), { persistent: true });
    await publisher.waitForConfirms();
    await broker.end("SIGKILL");
    const next = await startClusterBroker(redis.address, lease);
    await next.becomes("ready");
    const rest = await messagesOf(await amqplibChannel(next.amqpUrl), "durable");
    expect(texts(await rest.first(1))).toEqual(["last"]);
  },
);
