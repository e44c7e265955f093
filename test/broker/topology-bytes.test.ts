import { connect, type Socket } from "node:net";
import type { Channel } from "amqplib";
import { expect, onTestFinished, test, vi } from "vitest";
import { amqplibConnection } from "../harness/amqplib-client.ts";
import { type BrokerProcess, startBrokerProcess, temporaryDataDir } from "../harness/broker-process.ts";
import { scaleOptions, weigh } from "../harness/memory-scale.ts";
import {
  connectFlags,
  packetTypes,
  property,
  propertyIds,
  publishPacket,
  subscribePacket,
} from "../harness/mqtt-wire.ts";
import { RawMqttConnection } from "../harness/raw-mqtt-connection.ts";
import { RawConnection } from "../harness/raw-connection.ts";
import { targetOf } from "../harness/target.ts";
import { once, waitFor } from "../harness/waiting.ts";
import { channelOpen, declareFlags, message, method, queueDeclare } from "../harness/wire.ts";

/** Makes one of something for each index, and resolves when all are there. */
type Shape = (broker: BrokerProcess, indices: readonly number[]) => Promise<unknown>;

const each = (indices: readonly number[], make: (index: number) => unknown): Promise<unknown> =>
  Promise.all(indices.map(make));

async function channelOf(broker: BrokerProcess): Promise<Channel> {
  return (await amqplibConnection(broker.url, "?channelMax=0")).createChannel();
}

async function mqtt(broker: BrokerProcess, clientId = "", kept = false): Promise<RawMqttConnection> {
  const flags = connectFlags.name | connectFlags.password | (kept ? 0 : connectFlags.clean);
  const properties = kept ? [property.long(propertyIds.sessionExpiry, 3600)] : [];
  return RawMqttConnection.open(
    { host: "127.0.0.1", port: broker.mqttPort as number },
    { flags, properties, clientId },
  );
}

/** A STOMP client that has logged in, and says a few frames to whose last there is an answer. */
async function stomp(broker: BrokerProcess, frames: readonly string[] = []): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port: broker.stompPort as number });
  onTestFinished(() => void socket.destroy());
  let said = "";
  const done = once<void>("the last receipt", (happened) => {
    socket.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes("receipt-id:last")) happened();
    });
  });
  const login = "CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n\0";
  socket.write(login + frames.join("") + "SEND\ndestination:/topic/nobody\nreceipt:last\n\n\0");
  await done;
  return socket;
}

const levels = (index: number): string => Array.from({ length: 20 }, (_unused, level) => `${index}-${level}`).join("/");

const shapes: Readonly<Record<string, readonly [count: number, make: Shape]>> = {
  "a queue": [
    1200,
    async (broker, indices) => {
      const channel = await channelOf(broker);
      await each(indices, (index) => channel.assertQueue(`queue-${index}`));
    },
  ],
  "a queue with arguments": [
    1000,
    async (broker, indices) => {
      const channel = await channelOf(broker);
      const args = { "x-max-length": 10, "x-overflow": "reject-publish", "x-dead-letter-exchange": "amq.direct" };
      await each(indices, (index) => channel.assertQueue(`limited-${index}`, { arguments: args }));
    },
  ],
  "an exchange": [
    1200,
    async (broker, indices) => {
      const channel = await channelOf(broker);
      await each(indices, (index) => channel.assertExchange(`exchange-${index}`, "topic"));
    },
  ],
  "a binding of a direct exchange": [
    1200,
    async (broker, indices) => {
      const channel = await channelOf(broker);
      await each(indices, (index) => channel.bindQueue("base", "amq.direct", `key-${index}`));
    },
  ],
  "a binding of a topic exchange": [
    1200,
    async (broker, indices) => {
      const channel = await channelOf(broker);
      await each(indices, (index) => channel.bindQueue("base", "amq.topic", levels(index).replaceAll("/", ".")));
    },
  ],
  "a channel": [
    1000,
    async (broker, indices) => {
      const connection = await amqplibConnection(broker.url, "?channelMax=0");
      await each(indices, () => connection.createChannel());
    },
  ],
  "a consumer": [
    1200,
    async (broker, indices) => {
      const channel = await channelOf(broker);
      await each(indices, (index) => channel.consume("base", () => undefined, { consumerTag: `consumer-${index}` }));
    },
  ],
  "an AMQP connection": [200, (broker, indices) => each(indices, () => amqplibConnection(broker.url))],
  "an MQTT connection": [200, (broker, indices) => each(indices, (index) => mqtt(broker, `client-${index}`))],
  "a STOMP connection": [200, (broker, indices) => each(indices, () => stomp(broker))],
  "an MQTT session": [
    1000,
    (broker, indices) =>
      each(indices, async (index) => {
        const client = await mqtt(broker, `kept-${index}`, true);
        await once<void>("the end of the socket", (ended) => client.socket.once("close", ended).destroy());
      }),
  ],
  "an MQTT session with a filter": [
    500,
    (broker, indices) =>
      each(indices, async (index) => {
        const client = await mqtt(broker, `subscribed-${index}`, true);
        await client.subscribe(`state/${index}`, 1);
        await once<void>("the end of the socket", (ended) => client.socket.once("close", ended).destroy());
      }),
  ],
  "an MQTT subscription": [
    1200,
    async (broker, indices) => {
      const client = await mqtt(broker);
      for (const index of indices) client.send(subscribePacket(index + 1, [[levels(index), index % 2]]));
      await each(indices, () => client.next(packetTypes.suback));
      // Filters that ask for different things are looked up when there is a message.
      client.send(publishPacket({ topic: levels(indices[0] as number) }));
      await client.nextPublish();
    },
  ],
  "a retained message": [
    1200,
    async (broker, indices) => {
      const client = await mqtt(broker);
      for (const index of indices) {
        client.send(publishPacket({ topic: `device/${index}/state`, retain: true, body: "on" }));
      }
      await client.expectSilence();
    },
  ],
  "a retained message with a long topic": [
    1000,
    async (broker, indices) => {
      const client = await mqtt(broker);
      for (const index of indices) client.send(publishPacket({ topic: levels(index), retain: true, body: "on" }));
      await client.expectSilence();
    },
  ],
  "a packet identifier of QoS 2": [
    2000,
    async (broker, indices) => {
      for (let at = 0; at < indices.length; at += 500) {
        const members = indices.slice(at, at + 500);
        const client = await mqtt(broker, `exact-${members[0]}`, true);
        client.send(...members.map((index) => publishPacket({ qos: 2, packetId: index + 1 })));
        await each(members, () => client.next(packetTypes.pubrec));
      }
    },
  ],
  "a route that AMQP remembers": [
    1200,
    async (broker, indices) => {
      const channel = await channelOf(broker);
      for (const index of indices) channel.publish("amq.fanout", `route-${index}`, Buffer.from("x"));
      await channel.checkQueue("base");
    },
  ],
  "a route that MQTT remembers": [
    1200,
    async (broker, indices) => {
      const client = await mqtt(broker);
      for (const index of indices) client.send(publishPacket({ topic: `route/${index}.x` }));
      await client.expectSilence();
    },
  ],
  "an operation of an AMQP transaction": [
    3000,
    async (broker, indices) => {
      const connection = await RawConnection.open(targetOf(broker.url, () => Promise.resolve()));
      connection.send(channelOpen(1), method(1, 90, 10));
      connection.send(...indices.map(() => message(1, "amq.fanout", "k", Buffer.alloc(100))));
      connection.send(queueDeclare(1, "base", declareFlags.passive));
      await connection.method(50, 11, 1);
    },
  ],
  "an operation of a STOMP transaction": [
    3000,
    (broker, indices) => {
      const send = `SEND\ndestination:/topic/t\ntransaction:t\n\n${"x".repeat(100)}\0`;
      return stomp(broker, ["BEGIN\ntransaction:t\n\n\0", send.repeat(indices.length)]);
    },
  ],
  "a STOMP transaction with a long name": [
    1000,
    (broker, indices) => {
      const begin = (index: number): string => `BEGIN\ntransaction:${index}${"x".repeat(1000)}\n\n\0`;
      const starts = indices.filter((_index, place) => place % 50 === 0);
      return each(starts, (start) =>
        stomp(
          broker,
          Array.from({ length: 50 }, (_unused, at) => begin(start + at)),
        ),
      );
    },
  ],
  "a STOMP subscription": [
    1000,
    (broker, indices) => {
      const subscribe = (index: number): string => `SUBSCRIBE\nid:${index}\ndestination:/topic/s.${index}\n\n\0`;
      return stomp(broker, indices.map(subscribe));
    },
  ],
  "a STOMP subscription with a selector": [
    500,
    (broker, indices) => {
      const selector = "colour = 'red' AND weight > 20 AND (size IN ('s', 'm', 'l') OR name LIKE 'a%')";
      const subscribe = (index: number): string =>
        `SUBSCRIBE\nid:${index}\ndestination:/topic/f.${index}\nselector:${selector}\n\n\0`;
      return stomp(broker, indices.map(subscribe));
    },
  ],
};

/** Heap is never the same twice. The socket itself, outside of the heap, is not in what is measured. */
const [leastFactor, greatestFactor] = [2 / 3, 2];
const patienceMs = 3000;

test("what is no message costs in memory about what the accounts say", async () => {
  vi.stubEnv("NODE_OPTIONS", scaleOptions);
  const broker = await startBrokerProcess(await temporaryDataDir(), ["--sync", "never"]);
  await (await channelOf(broker)).assertQueue("base");
  const wrong: Record<string, unknown> = {};
  for (const [title, [count, make]] of Object.entries(shapes)) {
    const indices = Array.from({ length: count }, (_unused, index) => index);
    // The first of a kind have code compiled, and tables begun.
    await make(broker, indices.slice(0, count / 4));
    const [weighed, accounted] = [await weigh(broker), await broker.metric("jackalope_topology_bytes")];
    await make(broker, indices.slice(count / 4));
    const measure = async (): Promise<{ cost: number; estimate: number }> => {
      const [cost, estimate] = [(await weigh(broker)) - weighed, await broker.metric("jackalope_topology_bytes")];
      return { cost: cost / (0.75 * count), estimate: (estimate - accounted) / (0.75 * count) };
    };
    const isRight = async (): Promise<boolean> => {
      const { cost, estimate } = await measure();
      return estimate >= leastFactor * cost && estimate <= greatestFactor * cost;
    };
    // What was needed to make them may take a while to go.
    await waitFor(title, isRight, patienceMs).catch(async () => (wrong[title] = await measure()));
  }
  expect(wrong).toEqual({});
}, 120_000);
