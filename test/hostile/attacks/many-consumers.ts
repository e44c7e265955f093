import {
  basicConsume,
  channelOpen,
  declareFlags,
  method,
  octet,
  queueDeclare,
  short,
  u32,
} from "../../harness/wire.ts";
import { type Attack, type Scene, sized } from "../attack.ts";
import { AmqpClient } from "../wire/amqp-client.ts";

const noAckNowait = 2 | 8;
const consumersEach = 50_000;
const batch = 2000;

/** Consumers of one queue without end, spread over channels of one connection, which is then dropped. */
async function run(scene: Scene): Promise<void> {
  const consumers = sized(scene, 30_000, 500_000);
  const client = await AmqpClient.open(scene.amqpPort);
  client.stream.send(queueDeclare(1, "crowd", declareFlags.exclusive | declareFlags.nowait));
  for (let made = 0, channel = 1; made < consumers; channel++) {
    if (channel > 1) await client.call(channel, channelOpen(channel), 0x14000b);
    const end = Math.min(consumers, made + consumersEach);
    while (made < end) {
      const bytes: Buffer[] = [];
      for (const last = Math.min(end, made + batch); made < last; made++) {
        bytes.push(basicConsume(channel, "crowd", `c${made}`, noAckNowait));
      }
      client.stream.send(...bytes);
      await client.call(channel, method(channel, 60, 10, u32(0), short(0), octet(0)), 0x3c000b);
    }
  }
  const beganMs = performance.now();
  client.destroy();
  // The queue was exclusive: it is there again when everything of the connection is gone.
  const next = await AmqpClient.open(scene.amqpPort);
  for (;;) {
    try {
      await next.call(1, queueDeclare(1, "crowd", declareFlags.exclusive), 0x32000b);
      break;
    } catch (error) {
      if (next.closed?.code !== 405 || performance.now() - beganMs > 60_000) throw error;
      await next.call(1, channelOpen(1), 0x14000b);
    }
  }
  scene.note(`${consumers} consumers were gone after ${(performance.now() - beganMs).toFixed(0)} ms`);
  next.destroy();
}

export const manyConsumers: Attack = {
  name: "end-of-500000-consumers",
  title: "the end of a connection with 500,000 consumers",
  kind: "single",
  heapMiB: 1024,
  peakMiBMax: 900,
  afterMiBMax: 700,
  run,
};
