import { createBroker, type EmbeddedBroker } from "@jackalope/server";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import {
  amqplibChannel,
  amqplibConfirmChannel,
  amqplibConnection,
  messagesOf,
  texts,
} from "../harness/amqplib-client.ts";
import type { MqttAddress } from "../harness/mqtt-target.ts";
import { packetTypes, pingreq, publishPacket } from "../harness/mqtt-wire.ts";
import { mqttjsClient } from "../harness/mqttjs-client.ts";
import { RawConnection } from "../harness/raw-connection.ts";
import { RawMqttConnection } from "../harness/raw-mqtt-connection.ts";
import { stompjsClient } from "../harness/stompjs-client.ts";
import { freshName, targetOf } from "../harness/target.ts";
import { waitFor, within } from "../harness/waiting.ts";
import { channelOpen, message, method, octet, queueDeclare, short, shortstr, u64 } from "../harness/wire.ts";

let broker: EmbeddedBroker;
let mqtt: MqttAddress;
let queue: string;

beforeAll(async () => {
  broker = await createBroker({ mqttPort: 0, stompWsPort: 0 });
  mqtt = { host: "127.0.0.1", port: broker.ports.mqtt ?? 0, username: "guest", password: "guest" };
});
afterAll(() => broker.close());
beforeEach(() => {
  queue = freshName("alarm");
});

/** Raises the memory alarm, until the returned function is called or the test ends. */
function raise(): () => void {
  const { alarms } = broker.broker;
  const lower = () => alarms.set("memory", "test", false);
  alarms.set("memory", "test", true);
  onTestFinished(lower);
  return lower;
}

function readyCount(name: string = queue): number {
  return broker.broker.virtualHosts.get("/")?.queues.get(name)?.readyCount ?? -1;
}

/** Resolves when something is held back for an alarm. */
function held(): Promise<unknown> {
  return waitFor("a held publish", () => broker.broker.heldTotal.bytes > 0);
}

const stompAddress = () => ({
  webSocketUrl: `ws://127.0.0.1:${broker.ports.stompWs}/ws`,
  username: "guest",
  password: "guest",
});

describe("AMQP, during an alarm", () => {
  test("who published before is served: get, acknowledge, declare, consume", async () => {
    const channel = await amqplibConfirmChannel(broker.url);
    await channel.assertQueue(queue, { durable: false });
    for (const text of ["one", "two", "three"]) channel.sendToQueue(queue, Buffer.from(text));
    await channel.waitForConfirms();
    raise();
    const one = await within("basic.get", channel.get(queue));
    expect(one !== false && one.content.toString()).toBe("one");
    if (one !== false) channel.ack(one);
    const inbox = await messagesOf(channel, queue);
    const [two, three] = await inbox.first(2);
    for (const each of [two, three]) if (each !== undefined) channel.ack(each);
    expect((await within("a passive declaration", channel.checkQueue(queue))).messageCount).toBe(0);
    await waitFor("the acknowledgements", () => broker.broker.messageBytes === 0);
  });

  test("the first publish of a new connection has no effect before the alarm is over", async () => {
    const witness = await amqplibChannel(broker.url);
    await witness.assertQueue(queue, { durable: false });
    const lower = raise();
    const channel = await amqplibConfirmChannel(broker.url);
    let confirmed = false;
    channel.sendToQueue(queue, Buffer.from("first"), {}, () => (confirmed = true));
    await held();
    expect((await witness.checkQueue(queue)).messageCount).toBe(0);
    expect(confirmed).toBe(false);
    lower();
    await within("the confirm", channel.waitForConfirms());
    expect((await witness.checkQueue(queue)).messageCount).toBe(1);
  });

  test("acknowledgements and gets behind a held publish are done, on its channel and on others", async () => {
    const connection = await amqplibConnection(broker.url);
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue(queue, { durable: false });
    for (let index = 0; index < 20; index++) channel.sendToQueue(queue, Buffer.from(`${index}`));
    await channel.waitForConfirms();
    await channel.prefetch(1);
    const lower = raise();
    channel.sendToQueue(queue, Buffer.from("held"));
    await held();
    const other = await within("channel.open", connection.createChannel());
    const got = await within("basic.get", channel.get(queue, { noAck: true }));
    expect(got !== false && got.content.toString()).toBe("0");
    // Each delivery comes when the one before it is acknowledged.
    const received: string[] = [];
    await other.prefetch(1);
    await other.consume(queue, (delivery) => {
      if (delivery === null) return;
      received.push(delivery.content.toString());
      other.ack(delivery);
      if (received.length === 10) channel.sendToQueue(queue, Buffer.from("held too"));
    });
    await waitFor("the backlog", () => received.length === 19);
    expect(received).toEqual(Array.from({ length: 19 }, (_, index) => `${index + 1}`));
    lower();
    await within("the confirms", channel.waitForConfirms());
    await waitFor("what was held", () => received.length === 21);
    expect(received.slice(19)).toEqual(["held", "held too"]);
  });

  test("what is held keeps its order, whatever stands between, and beyond the bound the socket waits", async () => {
    const connection = await RawConnection.open(targetOf(broker.url, () => Promise.resolve()));
    connection.send(channelOpen(1), queueDeclare(1, queue, 0));
    await connection.method(50, 11, 1);
    const lower = raise();
    const body = (index: number): Buffer => Buffer.concat([Buffer.from(`${index} `), Buffer.alloc(20_000)]);
    for (let index = 0; index < 100; index++) connection.send(message(1, "", queue, body(index)));
    connection.send(queueDeclare(1, `${queue}.behind`, 0));
    await waitFor("the bound", () => broker.broker.heldTotal.bytes >= 1024 * 1024);
    expect(readyCount()).toBe(0);
    lower();
    await waitFor("all messages", () => readyCount() === 100);
    await waitFor("what came behind them", () => readyCount(`${queue}.behind`) === 0);
    expect(broker.broker.heldTotal.bytes).toBe(0);
    const reader = await amqplibChannel(broker.url);
    const inbox = await messagesOf(reader, queue, { noAck: true });
    const order = texts(await inbox.first(100)).map((text) => Number.parseInt(text, 10));
    expect(order).toEqual(Array.from({ length: 100 }, (_, index) => index));
  });

  test("a transaction waits as a whole: its acknowledgements behind its publishes, and its commit", async () => {
    const connection = await RawConnection.open(targetOf(broker.url, () => Promise.resolve()));
    connection.send(channelOpen(1), queueDeclare(1, queue, 0), message(1, "", queue, Buffer.from("delivered")));
    connection.send(method(1, 90, 10), method(1, 60, 70, short(0), shortstr(queue), octet(0)));
    await connection.method(60, 71, 1);
    connection.send(message(1, "", queue, Buffer.from("in the transaction")), method(1, 10, 0));
    const lower = raise();
    connection.send(method(1, 60, 80, u64(1), octet(0)), method(1, 90, 20));
    await waitFor("a held commit", () => broker.broker.heldTotal.bytes > 0);
    expect(readyCount()).toBe(0);
    lower();
    await waitFor("the commit", () => readyCount() === 1);
  });

  test("a goodbye behind a held publish does not take it back", async () => {
    const connection = await amqplibConnection(broker.url);
    const channel = await connection.createChannel();
    await channel.assertQueue(queue, { durable: false });
    const lower = raise();
    channel.sendToQueue(queue, Buffer.from("last words"));
    await held();
    const closed = connection.close();
    expect(readyCount()).toBe(0);
    lower();
    await within("connection.close-ok", closed);
    await waitFor("the last words", () => readyCount() === 1);
  });
});

describe("MQTT, during an alarm", () => {
  test("pings and acknowledgements behind a held publish are answered, and it is published afterwards", async () => {
    const sender = await mqttjsClient(mqtt);
    const client = await mqttjsClient(mqtt, { clientId: freshName("client") });
    await client.subscribe(`${queue}/#`, { qos: 2 });
    await client.publish(`${queue}/before`, "before", { qos: 1 });
    for (let index = 0; index < 10; index++) await sender.publish(`${queue}/in`, `${index}`, { qos: 2 });
    await client.messages.first(11);
    const lower = raise();
    let answered = false;
    const published = client.publish(`${queue}/held`, "held", { qos: 1 }).then(() => (answered = true));
    await held();
    await client.settled();
    expect([answered, client.messages.items.length]).toEqual([false, 11]);
    lower();
    await published;
    const all = await client.messages.first(12);
    expect(all.at(-1)?.text).toBe("held");
  });

  test("a client that publishes at once after CONNECT has no effect before the alarm is over", async () => {
    const witness = await mqttjsClient(mqtt);
    await witness.subscribe(`${queue}/#`);
    const lower = raise();
    const raw = await RawMqttConnection.open(mqtt);
    raw.send(
      publishPacket({ topic: `${queue}/a`, body: "a" }),
      publishPacket({ topic: `${queue}/b`, body: "b" }),
      pingreq,
    );
    await raw.next(packetTypes.pingresp);
    await witness.settled();
    expect(witness.seen).toEqual([]);
    lower();
    await witness.messages.first(2);
    expect(witness.seen.map(([, text]) => text)).toEqual(["a", "b"]);
  });

  test("QoS 0 and a goodbye right behind it are not lost", async () => {
    const witness = await mqttjsClient(mqtt);
    await witness.subscribe(`${queue}/#`);
    const lower = raise();
    const client = await mqttjsClient(mqtt, { will: { topic: `${queue}/will`, payload: Buffer.from("will") } });
    client.client.publish(`${queue}/last`, "last words");
    const ended = client.end();
    await held();
    lower();
    await ended;
    await witness.messages.first(1);
    await witness.settled();
    expect(witness.seen.map(([, text]) => text)).toEqual(["last words"]);
  });
});

describe("STOMP, during an alarm", () => {
  test("acknowledgements behind a held SEND are done, and it is sent afterwards", async () => {
    const client = await stompjsClient(stompAddress());
    const inbox = await client.subscribe(`/queue/${queue}`, { ack: "client-individual", "prefetch-count": "1" });
    for (let index = 0; index < 5; index++) await client.send(`/queue/${queue}`, `${index}`);
    const lower = raise();
    let answered = false;
    const sent = client.send(`/queue/${queue}`, "held").then(() => (answered = true));
    await held();
    for (let index = 0; index < 5; index++) {
      const delivery = (await inbox.first(index + 1))[index];
      if (delivery !== undefined) await client.ack(delivery);
    }
    expect([answered, readyCount()]).toEqual([false, 0]);
    lower();
    await sent;
    expect((await inbox.first(6)).map(({ body }) => body)).toEqual(["0", "1", "2", "3", "4", "held"]);
  });

  test("the first SEND of a new connection, and a DISCONNECT behind it, wait", async () => {
    const witness = await amqplibChannel(broker.url);
    await witness.assertQueue(queue);
    const lower = raise();
    const client = await stompjsClient(stompAddress());
    client.client.publish({ destination: `/queue/${queue}`, body: "first" });
    const ended = client.disconnect();
    await held();
    expect(readyCount()).toBe(0);
    lower();
    await ended;
    expect(readyCount()).toBe(1);
  });
});
