import { readdirSync } from "node:fs";
import { connect as connectMqtt } from "mqtt";
import { describe, expect, onTestFinished, test } from "vitest";
import { amqplibChannel, amqplibConfirmChannel } from "../harness/amqplib-client.ts";
import { type BrokerProcess, startBrokerProcess, temporaryDataDir } from "../harness/broker-process.ts";
import { RedisServer } from "../harness/redis-server.ts";
import { waitFor, within } from "../harness/waiting.ts";

const mebibyte = 1024 * 1024;
const count = 100_000;
const body = Buffer.alloc(1024, "x");

/** Names of the files in the spill folder of a data directory. */
function spilled(dataDir: string): string[] {
  return readdirSync(dataDir, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".spill"));
}

/** Publishes numbered transient messages to `queue`; resolves when the broker has confirmed them. */
async function fill(broker: BrokerProcess, queue: string, durable: boolean, messages = count): Promise<void> {
  const channel = await amqplibConfirmChannel(broker.url);
  await channel.assertQueue(queue, { durable });
  for (let index = 0; index < messages; index++) {
    body.writeUInt32BE(index);
    channel.sendToQueue(queue, Buffer.from(body), { persistent: false });
    if (index % 5000 === 4999) await channel.waitForConfirms();
  }
  await channel.waitForConfirms();
}

/** Consumes all of them; resolves with the number that came in their order. */
async function drain(broker: BrokerProcess, queue: string): Promise<number> {
  const channel = await amqplibChannel(broker.url);
  await channel.prefetch(1000);
  let next = 0;
  const last = new Promise<void>((happened) => {
    void channel.consume(queue, (message) => {
      if (message === null || message.content.readUInt32BE() !== next || message.fields.redelivered) return happened();
      channel.ack(message);
      if (++next === count) happened();
    });
  });
  await within("the last message", last, 60_000);
  return next;
}

describe.each(["embedded", "redis"])("with the %s store, a backlog of transient messages", (store) => {
  async function start(): Promise<{ broker: BrokerProcess; dataDir: string }> {
    const dataDir = await temporaryDataDir();
    const args = store === "redis" ? ["--store", (await RedisServer.start()).address] : [];
    return { broker: await startBrokerProcess(dataDir, args), dataDir };
  }

  test.each([
    ["a durable queue", true],
    ["a transient queue", false],
  ])("in %s costs disk and not memory, and comes in order", async (_, durable) => {
    const { broker, dataDir } = await start();
    const beforeBytes = await broker.residentBytes();
    await fill(broker, "backlog", durable);
    // Of 100 MiB of bodies, which alone would be more than that in memory.
    expect((await broker.residentBytes()) - beforeBytes).toBeLessThan(90 * mebibyte);
    expect(spilled(dataDir).length).toBeGreaterThan(5);
    expect(await drain(broker, "backlog")).toBe(count);
    await waitFor("the files to be removed", () => spilled(dataDir).length <= 1);
    await broker.end("SIGTERM");
    expect(spilled(dataDir)).toEqual([]);
  });

  test("is gone after an unkind end and a new start, with its files", async () => {
    const { broker, dataDir } = await start();
    await fill(broker, "backlog", true, 40_000);
    await broker.end("SIGKILL");
    expect(spilled(dataDir).length).toBeGreaterThan(1);
    if (store === "redis") return;
    const again = await startBrokerProcess(dataDir);
    expect(spilled(dataDir)).toEqual([]);
    expect((await (await amqplibChannel(again.url)).checkQueue("backlog")).messageCount).toBe(0);
  });
});

test("messages of QoS 0 for a subscriber that reads slowly wait on disk", async () => {
  const dataDir = await temporaryDataDir();
  const limits = ["--queue-window-bytes-max", "64KiB", "--mqtt-slow-qos0-messages-max", "1000000"];
  const broker = await startBrokerProcess(dataDir, limits);
  const url = `mqtt://127.0.0.1:${broker.mqttPort}`;
  const subscriber = connectMqtt(url, { protocolVersion: 5 });
  const publisher = connectMqtt(url);
  onTestFinished(() => {
    subscriber.end(true);
    publisher.end(true);
  });
  await subscriber.subscribeAsync("load/#", { qos: 0 });
  let next = 0;
  let wrong = 0;
  subscriber.on("message", (_topic, payload) => {
    if (payload.readUInt32BE() !== next++) wrong++;
  });
  subscriber.stream.pause();
  const total = 20_000;
  for (let index = 0; index < total; index++) {
    const payload = Buffer.alloc(1024);
    payload.writeUInt32BE(index);
    await publisher.publishAsync("load/a", payload, { qos: 0 });
  }
  await waitFor("messages on disk", () => spilled(dataDir).length > 0);
  subscriber.stream.resume();
  await waitFor("all messages", () => next === total, 30_000);
  expect(wrong).toBe(0);
});
