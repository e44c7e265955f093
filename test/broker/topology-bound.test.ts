import type { Channel } from "amqplib";
import { expect, test, vi } from "vitest";
import { amqplibConnection } from "../harness/amqplib-client.ts";
import { startBrokerProcess, temporaryDataDir } from "../harness/broker-process.ts";

/** Definitions that cost far more memory than bytes on the wire. */
const shapes: Readonly<Record<string, (channel: Channel, index: number) => Promise<unknown>>> = {
  "queues with 255 priorities": (channel, index) => channel.assertQueue(`q${index}`, { maxPriority: 255 }),
  "topic bindings of a hundred words": (channel, index) =>
    channel.bindQueue("base", "amq.topic", `${index}${".a".repeat(100)}`),
  "headers bindings of a hundred fields": (channel, index) => {
    const fields = Array.from({ length: 100 }, (_, field) => [`h${field}`, index * 100 + field]);
    return channel.bindQueue("base", "amq.headers", "", Object.fromEntries(fields));
  },
};

/** A small heap is full within seconds; the larger ones of the long form take a minute for each gibibyte. */
const heapMebibytes = process.env["JACKALOPE_TEST_HEAP_MIB"] ?? "64";

const bytesMetric = "jackalope_topology_bytes";

test.each(Object.entries(shapes))(
  "%s up to the bound start again with the memory that took them",
  async (_, make) => {
    vi.stubEnv("NODE_OPTIONS", `--max-old-space-size=${heapMebibytes}`);
    const dataDir = await temporaryDataDir();
    const options = ["--sync", "never"];
    const first = await startBrokerProcess(dataDir, options);
    const connection = await amqplibConnection(first.url);
    await (await connection.createChannel()).assertQueue("base");
    const channel = await connection.createChannel();
    let refusal = "";
    channel.on("error", (error: Error) => (refusal = error.message));
    for (let index = 0; refusal === "" && index < 10_000_000; index += 200) {
      const batch = Array.from({ length: 200 }, (_unused, place) => make(channel, index + place));
      await Promise.all(batch).catch(() => undefined);
    }
    expect(refusal).toMatch(/406.*topology memory limit of user 'guest'/);
    const taken = await first.metric(bytesMetric);
    expect(taken).toBeGreaterThan(0.5 * (await first.metric("jackalope_topology_limit_bytes")));
    connection.on("error", () => undefined);
    await first.end("SIGKILL");
    const second = await startBrokerProcess(dataDir, options, 60_000);
    // All but the connection is there again.
    expect(Math.abs((await second.metric(bytesMetric)) - taken)).toBeLessThan(50_000);
    const again = await (await amqplibConnection(second.url)).createChannel();
    expect((await again.checkQueue("base")).queue).toBe("base");
  },
  600_000,
);
