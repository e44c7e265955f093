import { basicConsume, declareFlags } from "../../harness/wire.ts";
import { packetTypes, publishPacket, subscribePacket } from "../../harness/mqtt-wire.ts";
import { type Attack, type Scene, sized } from "../attack.ts";
import { pump, repeated } from "../pump.ts";
import { AmqpClient, bindQueue, declareQueue } from "../wire/amqp-client.ts";
import { MqttClient } from "../wire/mqtt-client.ts";
import { StompClient } from "../wire/stomp-client.ts";

const topic = "slow";
const body = Buffer.alloc(4096, 0x61);

/** Subscribers of all protocols that read nothing, one that does, and a publisher at full speed. */
async function run(scene: Scene): Promise<void> {
  const readers = sized(scene, 20, 200);
  const reading = await subscriber(scene);
  const deaf: { destroy(): void }[] = [];
  for (let index = 0; index < readers; index++) {
    const client = await [subscriber, amqpSubscriber, stompSubscriber][index % 3]?.(scene);
    if (client === undefined) continue;
    client.stream.socket.pause();
    deaf.push(client);
  }
  const publisher = await MqttClient.open(scene.mqttPort);
  const one = publishPacket({ topic, body });
  await pump([publisher.stream], repeated(one, 262_144), scene.seconds);
  scene.note(`who reads got ${(reading.stream.receivedBytes / scene.seconds / 1_048_576).toFixed(0)} MiB/s`);
  if (reading.stream.receivedBytes < 100 * one.length) throw new Error("who reads got hardly anything");
  for (const client of [publisher, reading, ...deaf]) client.destroy();
}

async function subscriber({ mqttPort }: Scene): Promise<MqttClient> {
  const client = await MqttClient.open(mqttPort);
  client.stream.send(subscribePacket(1, [[topic, 0]]));
  await client.nextOf(packetTypes.suback, 1);
  client.countBytesOnly();
  return client;
}

async function amqpSubscriber({ amqpPort }: Scene): Promise<AmqpClient> {
  const client = await AmqpClient.open(amqpPort);
  const args = await client.call(1, declareQueue("", declareFlags.exclusive), 0x32000b);
  const queue = args.toString("utf8", 1, 1 + args.readUInt8(0));
  client.stream.send(bindQueue(queue, "amq.topic", topic, 1), basicConsume(1, queue, "c", 2 | 8));
  await client.settled();
  return client;
}

async function stompSubscriber({ stompPort }: Scene): Promise<StompClient> {
  const client = await StompClient.open(stompPort);
  client.send("SUBSCRIBE", { destination: `/topic/${topic}`, id: "1", receipt: "r" });
  await client.nextOf("RECEIPT", 1);
  return client;
}

export const slowReaders: Attack = {
  name: "slow-readers",
  title: "subscribers of all protocols that do not read, and a publisher at full speed",
  kind: "flood",
  run,
};
