import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { amqplibConnection } from "../harness/amqplib-client.ts";
import { startBrokerProcess, temporaryDataDir } from "../harness/broker-process.ts";
import { once, waitFor } from "../harness/waiting.ts";

const mebibyte = 1024 * 1024;
const batchBytes = 2 * mebibyte;
/** About twice what an idle broker has: a backlog takes it well beyond. */
const watermarkBytes = 256 * mebibyte;
/** All in memory: behind their windows queues would put the messages on disk. */
const windows = [
  "--window-bytes-max",
  "4GiB",
  "--queue-window-bytes-max",
  "2GiB",
  "--queue-window-messages-max",
  "100000000",
];

/** What the script `start` in package.json tells glibc's allocator. */
async function allocatorSettings(): Promise<Record<string, string>> {
  const { scripts } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8")) as {
    readonly scripts: { readonly start: string };
  };
  const settings = [...scripts.start.matchAll(/(MALLOC_\w+)=\$\{\1:-(\d+)\}/g)];
  return Object.fromEntries(settings.map(([, name, value]) => [name, value]));
}

test.each([
  ["200 KB", 200_000],
  ["64 KiB", 65_536],
  ["1 KB", 1000],
])(
  "a backlog of transient messages of %s raises the memory alarm, taking it ends it within 3 s, and the system has its memory back",
  async (_, bytes) => {
    const arguments_ = [...windows, "--memory-high-watermark", `${watermarkBytes}`];
    const settings = await allocatorSettings();
    expect(Object.keys(settings)).toHaveLength(3);
    const broker = await startBrokerProcess(await temporaryDataDir(), arguments_, 30_000, null, settings);
    const publisher = await amqplibConnection(broker.url);
    const publishing = await publisher.createConfirmChannel();
    const { queue } = await publishing.assertQueue("drained", { durable: false });
    let isBlocked = false;
    let freedAtMs = 0;
    publisher.on("blocked", () => (isBlocked = true));
    publisher.on("unblocked", () => {
      isBlocked = false;
      freedAtMs = performance.now();
    });
    const blocked = once<void>("blocked", (happened) => publisher.once("blocked", () => happened()), 60_000);
    const body = Buffer.alloc(bytes);
    const fill = async (): Promise<void> => {
      while (!isBlocked) {
        const confirms = [];
        for (let sent = 0; sent < batchBytes; sent += bytes) {
          confirms.push(new Promise<void>((resolve) => publishing.sendToQueue(queue, body, {}, () => resolve())));
        }
        await Promise.race([Promise.all(confirms), blocked]);
      }
    };
    await fill();
    const consumer = await (await amqplibConnection(broker.url)).createChannel();
    await consumer.consume(queue, () => undefined, { noAck: true });
    await waitFor("the drain", async () => (await consumer.checkQueue(queue)).messageCount === 0, 20_000);
    const drainedAtMs = performance.now();
    await waitFor("the end of the alarm", () => !isBlocked);
    expect(freedAtMs - drainedAtMs).toBeLessThan(3000);
    await waitFor("the memory to be given back", async () => (await broker.residentBytes()) < watermarkBytes, 15_000);
  },
);
