import { expect, test } from "vitest";
import { type BrokerProcess, startBrokerProcess, temporaryDataDir } from "../harness/broker-process.ts";
import { amqplibChannel, messagesOf, texts } from "../harness/amqplib-client.ts";
import { RawConnection } from "../harness/raw-connection.ts";
import { targetOf } from "../harness/target.ts";
import { waitFor, within } from "../harness/waiting.ts";
import {
  basicConsume,
  basicPublish,
  channelOpen,
  contentHeader,
  frame,
  message,
  method,
  short,
  shortstr,
  octet,
} from "../harness/wire.ts";

const mebibyte = 1024 * 1024;
const growthMax = 100 * mebibyte;

function open(broker: BrokerProcess): Promise<RawConnection> {
  return RawConnection.open(targetOf(broker.url, () => Promise.resolve()));
}

/**
 * Sends `bytes` again and again until `totalBytes` are on their way, or until the broker has not read for a second,
 * which is its right. Returns how many bytes the kernel took.
 */
async function flood(connection: RawConnection, bytes: Buffer, totalBytes: number): Promise<number> {
  let sentBytes = 0;
  while (sentBytes < totalBytes) {
    const taken = new Promise<void>((resolve) => connection.socket.write(bytes, () => resolve()));
    const stalled = await within("a read", taken, 1000).then(
      () => false,
      () => true,
    );
    if (stalled) break;
    sentBytes += bytes.length;
  }
  return sentBytes;
}

/** A message there and back for somebody who has nothing to do with the flood. */
async function expectOthersServed(broker: BrokerProcess): Promise<void> {
  const channel = await amqplibChannel(broker.url);
  const { queue } = await channel.assertQueue("", { exclusive: true });
  const inbox = await messagesOf(channel, queue, { noAck: true });
  channel.sendToQueue(queue, Buffer.from("still there?"));
  expect(texts(await inbox.first(1, 5000))).toEqual(["still there?"]);
}

test("a consumer that never reads costs the broker a bounded amount of memory, and nobody else anything", async () => {
  const broker = await startBrokerProcess(await temporaryDataDir());
  const channel = await amqplibChannel(broker.url);
  await channel.assertQueue("flood", { durable: false, arguments: { "x-max-length-bytes": 8 * mebibyte } });
  const deaf = await open(broker);
  deaf.send(channelOpen(1), basicConsume(1, "flood", "deaf", 2));
  await deaf.method(60, 21, 1);
  deaf.socket.pause();
  const beforeBytes = await broker.residentBytes();
  const publisher = await open(broker);
  publisher.send(channelOpen(1));
  const chunk = Buffer.concat(Array.from({ length: 64 }, () => message(1, "", "flood", Buffer.alloc(16 * 1024, 7))));
  const sentBytes = await flood(publisher, chunk, 300 * mebibyte);
  expect(sentBytes).toBeGreaterThanOrEqual(300 * mebibyte);
  await expectOthersServed(broker);
  expect((await broker.residentBytes()) - beforeBytes).toBeLessThan(growthMax);
  // It gets what was kept for it, in whole frames, once it reads again.
  deaf.socket.resume();
  await waitFor("deliveries", () => deaf.frames.length > 1000);
});

test("a publisher that never reads its returned messages is not read any more, and costs a bounded amount", async () => {
  const broker = await startBrokerProcess(await temporaryDataDir());
  const publisher = await open(broker);
  publisher.send(channelOpen(1));
  await publisher.method(20, 11, 1);
  publisher.socket.pause();
  const beforeBytes = await broker.residentBytes();
  const body = Buffer.alloc(16 * 1024, 7);
  const unroutable = Buffer.concat([
    basicPublish(1, "", "nowhere", 1),
    contentHeader(1, body.length),
    frame(3, 1, body),
  ]);
  await flood(publisher, Buffer.concat(Array.from({ length: 64 }, () => unroutable)), 300 * mebibyte);
  await expectOthersServed(broker);
  expect((await broker.residentBytes()) - beforeBytes).toBeLessThan(growthMax);
});

test("a client that gets and gets and never reads is not read any more, and costs a bounded amount", async () => {
  const broker = await startBrokerProcess(await temporaryDataDir());
  const client = await open(broker);
  client.send(channelOpen(1), method(1, 50, 10, short(0), shortstr("big"), octet(2), Buffer.alloc(4)));
  client.send(message(1, "", "big", Buffer.alloc(100_000)));
  await client.method(50, 11, 1);
  client.socket.pause();
  const beforeBytes = await broker.residentBytes();
  // Get, and give back: 10,000 times 100,000 bytes that nobody reads.
  const requests: Buffer[] = [];
  for (let tag = 1; tag <= 10_000; tag++) {
    const deliveryTag = Buffer.alloc(8);
    deliveryTag.writeBigUInt64BE(BigInt(tag));
    requests.push(method(1, 60, 70, short(0), shortstr("big"), octet(0)));
    requests.push(method(1, 60, 90, deliveryTag, octet(1)));
  }
  client.send(...requests);
  await expectOthersServed(broker);
  expect((await broker.residentBytes()) - beforeBytes).toBeLessThan(growthMax);
});

test("200,000 messages that nobody consumes are taken, kept, and drained in order", async () => {
  const broker = await startBrokerProcess(await temporaryDataDir());
  const consumer = await amqplibChannel(broker.url);
  await consumer.assertQueue("backlog");
  const publisher = await open(broker);
  publisher.send(channelOpen(1), method(1, 85, 10, octet(1)));
  // Flag 0x1000: the delivery mode alone; 2 is persistent.
  const properties = Buffer.concat([short(0x1000), octet(2)]);
  const count = 200_000;
  for (let start = 0; start < count; start += 1000) {
    const batch: Buffer[] = [];
    for (let index = start; index < start + 1000; index++) {
      const body = Buffer.alloc(200);
      body.writeUInt32BE(index);
      batch.push(basicPublish(1, "", "backlog"), contentHeader(1, body.length, properties), frame(3, 1, body));
    }
    await new Promise<void>((resolve) => publisher.socket.write(Buffer.concat(batch), () => resolve()));
  }
  const confirmed = () => {
    const last = publisher.frames.findLast(({ type, payload }) => type === 1 && payload.readUInt32BE(0) === 0x3c0050);
    return last === undefined ? 0 : Number(last.payload.readBigUInt64BE(4));
  };
  await waitFor("all confirms", () => confirmed() === count, 30_000);
  await consumer.prefetch(2000);
  let next = 0;
  let outOfOrder = 0;
  await consumer.consume("backlog", (received) => {
    if (received === null) return;
    if (received.content.readUInt32BE(0) !== next++) outOfOrder++;
    if (next % 500 === 0) consumer.ack(received, true);
  });
  await waitFor("the whole backlog", () => next >= count, 30_000);
  expect([next, outOfOrder]).toEqual([count, 0]);
});
