import { expect, test } from "vitest";
import { amqplibChannel, amqplibConfirmChannel, messagesOf, texts } from "../harness/amqplib-client.ts";
import { type ClusterBroker, startClusterBroker } from "../harness/cluster-broker.ts";
import { mqttjsClient } from "../harness/mqttjs-client.ts";
import { RedisServer } from "../harness/redis-server.ts";
import { stompjsClient } from "../harness/stompjs-client.ts";

const session = { clientId: "kept", clean: false, properties: { sessionExpiryInterval: 3600 } };
const count = 200;

/** Definitions of every kind, messages in every state. */
async function fill(broker: ClusterBroker): Promise<void> {
  const channel = await amqplibConfirmChannel(broker.amqpUrl);
  await channel.assertExchange("events", "topic");
  await channel.assertQueue("work", { arguments: { "x-max-priority": 3 } });
  await channel.assertQueue("copies");
  await channel.bindQueue("work", "events", "work.#");
  await channel.bindQueue("copies", "events", "#");
  for (let index = 0; index < count; index++) {
    channel.publish("events", "work.now", Buffer.from(`${index}`), { persistent: true });
  }
  channel.publish("events", "work.now", Buffer.from("transient"));
  await channel.waitForConfirms();
  // The first are acknowledged, the next are on their way when the broker dies.
  await channel.prefetch(20);
  const deliveries = await messagesOf(channel, "work");
  for (const message of await deliveries.first(10)) channel.ack(message);
  await deliveries.first(30);
  // Its confirm comes behind the acknowledgements.
  channel.publish("events", "other", Buffer.from("last"), { persistent: true });
  await channel.waitForConfirms();

  const away = await mqttjsClient(broker.mqtt, session);
  await away.subscribe("news/#", { qos: 1 });
  await away.end();
  const mqtt = await mqttjsClient(broker.mqtt, { protocolVersion: 4 });
  await mqtt.publish("news/today", "for who is away", { qos: 1 });
  await mqtt.publish("state", "retained", { qos: 1, retain: true });
  const stomp = await stompjsClient(broker.stomp);
  await stomp.send("/queue/letters", "from STOMP", { persistent: "true" });
}

test("after kill -9 of the leader the standby leads within 5 s, and clients find everything", async () => {
  const redis = await RedisServer.start();
  const leader = await startClusterBroker(redis.address);
  await leader.becomes("ready");
  const standby = await startClusterBroker(redis.address);
  await standby.becomes("standby");
  await fill(leader);

  const killedAtMs = performance.now();
  await leader.end("SIGKILL");
  await standby.becomes("ready");
  const tookMs = performance.now() - killedAtMs;
  expect(tookMs).toBeLessThan(5000);

  const channel = await amqplibChannel(standby.amqpUrl);
  await channel.assertExchange("events", "topic");
  await channel.assertQueue("work", { arguments: { "x-max-priority": 3 } });
  const work = await (await messagesOf(channel, "work")).first(count - 10);
  expect(texts(work)).toEqual(Array.from({ length: count - 10 }, (_, index) => `${index + 10}`));
  expect(work.slice(0, 20).every(({ fields }) => fields.redelivered)).toBe(true);
  const copies = await (await messagesOf(channel, "copies")).first(count + 1);
  expect(texts(copies)).toEqual([...Array.from({ length: count }, (_, index) => `${index}`), "last"]);
  channel.publish("events", "work.again", Buffer.from("bound still"));

  const back = await mqttjsClient(standby.mqtt, session);
  expect(back.connack.sessionPresent).toBe(true);
  const [news] = await back.messages.first(1);
  expect([news?.topic, news?.text, news?.packet.qos]).toEqual(["news/today", "for who is away", 1]);
  await back.subscribe("state");
  const [, state] = await back.messages.first(2);
  expect([state?.text, state?.packet.retain]).toEqual(["retained", true]);

  const letters = await (await stompjsClient(standby.stomp)).subscribe("/queue/letters");
  expect((await letters.first(1))[0]?.body).toBe("from STOMP");
});
