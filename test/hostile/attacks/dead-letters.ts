import { declareFlags, longstr, method, octet, short, shortstr, u32 } from "../../harness/wire.ts";
import { type Attack, type Scene, sized } from "../attack.ts";
import { repeated } from "../pump.ts";
import { until } from "../waiting.ts";
import { AmqpClient, bindQueue, declareQueue, publish } from "../wire/amqp-client.ts";

const text = (value: string): Buffer => Buffer.concat([Buffer.from("S"), longstr(value)]);
const number = (value: number): Buffer => Buffer.concat([Buffer.from("I"), u32(value)]);
const waitMs = 120_000;
const ttlMs = 1500;

/** Messages ready in a queue. */
async function readyIn(client: AmqpClient, queue: string): Promise<number> {
  const args = await client.call(1, declareQueue(queue, declareFlags.passive), 0x32000b);
  return args.readUInt32BE(1 + args.readUInt8(0));
}

/** Very many messages expire at once, and every one is dead-lettered. */
async function expire(scene: Scene): Promise<void> {
  const messages = sized(scene, 30_000, 1_000_000);
  const client = await AmqpClient.open(scene.amqpPort);
  await client.call(1, declareQueue("dead", declareFlags.durable), 0x32000b);
  await client.call(1, bindQueue("dead", "amq.fanout", ""), 0x320015);
  const mortal = declareQueue(
    "mortal",
    declareFlags.durable,
    ["x-message-ttl", number(ttlMs)],
    ["x-dead-letter-exchange", text("amq.fanout")],
  );
  await client.call(1, mortal, 0x32000b);
  await fill(client, "mortal", messages);
  await until("all dead letters", async () => (await readyIn(client, "dead")) === messages, waitMs);
  const left = await readyIn(client, "mortal");
  if (left !== 0) throw new Error(`${left} messages are in both queues`);
  for (const name of ["mortal", "dead"]) {
    await client.call(1, method(1, 50, 40, short(0), shortstr(name), octet(0)), 0x320029);
  }
  client.destroy();
}

/** Of each consumer: without a prefetch limit a channel holds no more than `channelUnackedBytesMax`. */
const prefetch = 50_000;

/** A client that holds very many messages goes away, and they are in their places again. */
async function requeue(scene: Scene): Promise<void> {
  const messages = sized(scene, 30_000, 1_000_000);
  const client = await AmqpClient.open(scene.amqpPort);
  await client.call(1, declareQueue("held", declareFlags.durable), 0x32000b);
  await fill(client, "held", messages);
  const holder = await AmqpClient.open(scene.amqpPort);
  const tags = Array.from({ length: Math.ceil(messages / prefetch) }, (_, index) => `h${index}`);
  await holder.call(1, method(1, 60, 10, u32(0), short(prefetch), octet(0)), 0x3c000b);
  for (const tag of tags) {
    await holder.call(1, method(1, 60, 20, short(0), shortstr("held"), shortstr(tag), octet(0), u32(0)), 0x3c0015);
  }
  await holder.delivered(messages, waitMs);
  const beganMs = performance.now();
  holder.stream.send(method(1, 60, 120, u32(0), u32(messages), octet(3)));
  for (const tag of tags) await holder.call(1, method(1, 60, 30, shortstr(tag), octet(0)), 0x3c001f);
  holder.destroy();
  await until("everything back", async () => (await readyIn(client, "held")) === messages, waitMs);
  scene.note(`${messages} were back after ${(performance.now() - beganMs).toFixed(0)} ms`);
  await client.call(1, method(1, 50, 40, short(0), shortstr("held"), octet(0)), 0x320029);
  client.destroy();
}

async function fill(client: AmqpClient, queue: string, messages: number): Promise<void> {
  const batch = repeated(publish("", queue, Buffer.from("x"), 2), 100_000);
  const each = batch.length / publish("", queue, Buffer.from("x"), 2).length;
  let left = messages;
  for (; left >= each; left -= each) await client.stream.sendAndDrain(batch);
  for (; left > 0; left--) client.stream.send(publish("", queue, Buffer.from("x"), 2));
  await client.settled();
}

export const deadLetters: readonly Attack[] = [
  {
    name: "expiry-of-many",
    title: "a million messages expire at once and are dead-lettered",
    kind: "single",
    heapMiB: 1024,
    peakMiBMax: 700,
    afterMiBMax: 600,
    run: expire,
  },
  {
    name: "requeue-of-many",
    title: "a million unacknowledged messages are returned at once",
    kind: "single",
    heapMiB: 1024,
    peakMiBMax: 800,
    afterMiBMax: 700,
    run: requeue,
  },
];
