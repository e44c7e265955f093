import { basicConsume, channelOpen, declareFlags, queueDeclare } from "../../harness/wire.ts";
import { type Attack, type Scene, sized } from "../attack.ts";
import { AmqpClient } from "../wire/amqp-client.ts";

const noAckNowait = 2 | 8;
const consumersEach = 50_000;
const batch = 2000;

/** As many as the broker lets one connection have, spread over its channels. */
async function consumeMany(client: AmqpClient, wanted: number): Promise<number> {
  let made = 0;
  for (let channel = 1; made < wanted; channel++) {
    if (channel > 1) await client.call(channel, channelOpen(channel), 0x14000b);
    for (const end = Math.min(wanted, made + consumersEach); made < end; made += batch) {
      const tags = Array.from({ length: batch }, (_, index) => `c${made + index}`);
      client.stream.send(...tags.map((tag) => basicConsume(channel, "crowd", tag, noAckNowait)));
      const refused = await client.settled(channel).then(
        () => false,
        (error: unknown) => client.wasRefused(error),
      );
      if (refused) return made;
    }
  }
  return made;
}

/** Consumers of one queue without end, of one connection, which is then dropped. */
async function run(scene: Scene): Promise<void> {
  const consumers = sized(scene, 30_000, 500_000);
  const client = await AmqpClient.open(scene.amqpPort);
  client.stream.send(queueDeclare(1, "crowd", declareFlags.exclusive | declareFlags.nowait));
  const made = await consumeMany(client, consumers);
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
  scene.note(`${made} consumers were gone after ${(performance.now() - beganMs).toFixed(0)} ms`);
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
