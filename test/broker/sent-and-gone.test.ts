import type { Channel } from "amqplib";
import { connect } from "node:net";
import { test } from "vitest";
import { amqplibChannel } from "../harness/amqplib-client.ts";
import { type BrokerProcess, startBrokerProcess, temporaryDataDir } from "../harness/broker-process.ts";
import { connectPacket, publishPacket } from "../harness/mqtt-wire.ts";
import { openingBytes } from "../harness/raw-connection.ts";
import { waitFor } from "../harness/waiting.ts";
import { channelOpen, message } from "../harness/wire.ts";

/** More than a turn has time for, with so many queues to give each message to. */
const publishes = 400;
const queues = 60;

/** A broker whose publishes to the topic "left" go to "all", and to many others. */
async function busyBroker(): Promise<{ readonly broker: BrokerProcess; readonly channel: Channel }> {
  const broker = await startBrokerProcess(await temporaryDataDir());
  const channel = await amqplibChannel(broker.url);
  await channel.assertQueue("all");
  await channel.bindQueue("all", "amq.topic", "left");
  for (let count = 0; count < queues; count++) {
    const { queue } = await channel.assertQueue("", { exclusive: true, maxLength: 1 });
    await channel.bindQueue(queue, "amq.topic", "left");
  }
  return { broker, channel };
}

const body = "x".repeat(100);
const times = (bytes: Buffer): Buffer => Buffer.concat(Array.from({ length: publishes }, () => bytes));

interface Protocol {
  readonly name: string;
  readonly port: (broker: BrokerProcess) => number | null;
  readonly login: Buffer;
  readonly publishes: Buffer;
}

const protocols: readonly Protocol[] = [
  {
    name: "AMQP",
    port: (broker) => broker.amqpPort,
    login: openingBytes({ username: "guest", password: "guest" }),
    publishes: Buffer.concat([channelOpen(1), times(message(1, "amq.topic", "left", Buffer.from(body)))]),
  },
  {
    name: "MQTT",
    port: (broker) => broker.mqttPort,
    login: connectPacket({ clientId: "leaver" }),
    publishes: times(publishPacket({ topic: "left", body })),
  },
  {
    name: "STOMP",
    port: (broker) => broker.stompPort,
    login: Buffer.from("CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n\0"),
    publishes: times(Buffer.from(`SEND\ndestination:/topic/left\n\n${body}\0`)),
  },
];

/** Logs in, sends `bytes` and closes the socket in the same breath. */
async function sendAndLeave(port: number, login: Buffer, bytes: Buffer): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.write(login);
  await new Promise((resolve) => socket.once("data", resolve));
  socket.resume().end(bytes);
  await new Promise((resolve) => socket.once("close", resolve));
}

test.for(protocols)("what a client has sent before it closed its socket arrives: $name", async (protocol) => {
  const { broker, channel } = await busyBroker();
  const countOf = async (): Promise<number> => (await channel.checkQueue("all")).messageCount;
  for (let round = 1; round <= 5; round++) {
    await sendAndLeave(protocol.port(broker) as number, protocol.login, protocol.publishes);
    await waitFor(`all of round ${round}`, async () => (await countOf()) === round * publishes);
  }
});
