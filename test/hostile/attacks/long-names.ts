import { declareFlags, longstr, method, octet, short, shortstr, table, u32 } from "../../harness/wire.ts";
import { packetTypes, subscribePacket } from "../../harness/mqtt-wire.ts";
import type { Attack, Scene } from "../attack.ts";
import { lasting, until } from "../waiting.ts";
import { AmqpClient, bindQueue, contentHead, declareQueue, publish } from "../wire/amqp-client.ts";
import { MqttClient } from "../wire/mqtt-client.ts";

const text = (value: string): Buffer => Buffer.concat([Buffer.from("S"), longstr(value)]);
const number = (value: number): Buffer => Buffer.concat([Buffer.from("I"), u32(value)]);
const list = (value: string): Buffer => {
  const items = text(value);
  return Buffer.concat([Buffer.from("A"), u32(items.length), items]);
};
const long = "k".repeat(70_000);
/** The timer of the expiry has to have run. */
const expiryMs = 300;

/** A dead-letter key that fits into no frame; refused, or taken and survived. */
async function deadLetterKey({ amqpPort, note }: Scene): Promise<void> {
  const client = await AmqpClient.open(amqpPort);
  await client.call(1, declareQueue("sink", declareFlags.durable), 0x32000b);
  await client.call(1, bindQueue("sink", "amq.fanout", ""), 0x320015);
  const mortal = declareQueue(
    "mortal",
    declareFlags.durable,
    ["x-dead-letter-exchange", text("amq.fanout")],
    ["x-dead-letter-routing-key", text(long)],
    ["x-message-ttl", number(expiryMs)],
  );
  try {
    await client.call(1, mortal, 0x32000b);
    client.stream.send(publish("", "mortal", Buffer.from("m"), 2));
    await client.settled();
    await lasting(2 * expiryMs);
  } catch (error) {
    if (client.closed === null || client.closed.code === 541) throw error;
    note(`refused: ${client.closed.code}`);
  }
  client.destroy();
}

/** The key becomes three times as long on its way to MQTT. */
async function plusKey({ amqpPort, mqttPort }: Scene): Promise<void> {
  const subscriber = await MqttClient.open(mqttPort);
  subscriber.stream.send(subscribePacket(1, [["#", 0]]));
  await subscriber.nextOf(packetTypes.suback, 1);
  const client = await AmqpClient.open(amqpPort);
  // A key itself has at most 255 bytes; one of CC comes from a table.
  const headers = table([["CC", list("+".repeat(60_000))]]);
  const properties = Buffer.concat([short(0x2000), headers]);
  for (const key of ["+".repeat(255), "#".repeat(255), "a"]) {
    client.stream.send(method(1, 60, 40, short(0), shortstr("amq.topic"), shortstr(key), octet(0)));
    client.stream.send(key === "a" ? contentHead(0, properties) : contentHead(0, short(0)));
    await client.settled().catch(() => undefined);
  }
  client.destroy();
  if (subscriber.stream.ended) throw new Error("the subscriber was cut off for what somebody else has sent");
  subscriber.destroy();
}

/** Either all of a transaction is there, or nothing. */
async function carbonCopy({ amqpPort }: Scene): Promise<void> {
  const client = await AmqpClient.open(amqpPort);
  await client.call(1, declareQueue("whole", declareFlags.durable), 0x32000b);
  await client.call(1, method(1, 90, 10), 0x5a000b);
  const good = publish("", "whole", Buffer.from("m"), 2);
  const properties = Buffer.concat([short(0x3000), table([["CC", list(long)]]), octet(2)]);
  const bad = Buffer.concat([
    method(1, 60, 40, short(0), shortstr("amq.topic"), shortstr("nowhere"), octet(0)),
    contentHead(0, properties),
  ]);
  client.stream.send(good, good, bad, good);
  const committed = await client.call(1, method(1, 90, 20), 0x5a0015).then(
    () => true,
    () => false,
  );
  client.destroy();
  const witness = await AmqpClient.open(amqpPort);
  const args = await witness.call(1, declareQueue("whole", declareFlags.passive), 0x32000b);
  const messages = args.readUInt32BE(1 + args.readUInt8(0));
  if (messages !== (committed ? 3 : 0)) {
    throw new Error(`${committed ? "committed" : "refused"}, and ${messages} of 3 messages are there`);
  }
  witness.destroy();
  await until("the end", () => client.stream.ended, 10_000);
}

export const longNames: readonly Attack[] = [
  {
    name: "long-dead-letter-key",
    title: "a dead-letter key of 70,000 bytes, used",
    kind: "single",
    restarts: true,
    run: deadLetterKey,
  },
  {
    name: "plus-key",
    title: "keys of many + and #, and one of 60,000, before an MQTT subscriber",
    kind: "single",
    run: plusKey,
  },
  {
    name: "cc-key-in-transaction",
    title: "a CC key of 70,000 bytes in a transaction",
    kind: "single",
    restarts: true,
    run: carbonCopy,
  },
];
