import { declareFlags } from "../../harness/wire.ts";
import { type Attack, type Scene, sized } from "../attack.ts";
import { AmqpClient, declareQueue } from "../wire/amqp-client.ts";

const batch = 500;

/** 1.7 MB of declarations. Refused is in order, as long as somebody says so. */
async function run(scene: Scene): Promise<void> {
  const queues = sized(scene, 20_000, 40_000);
  const client = await AmqpClient.open(scene.amqpPort);
  const priorities = ["x-max-priority", Buffer.from([0x42, 255])] as const;
  let made = 0;
  try {
    for (; made < queues; made += batch) {
      const names = Array.from({ length: batch }, (_, index) => `p${made + index}`);
      client.stream.send(
        ...names.map((name) => declareQueue(name, declareFlags.durable | declareFlags.nowait, priorities)),
      );
      await client.settled();
    }
  } catch (error) {
    if (client.closed === null || client.closed.code === 541) throw error;
    scene.note(`refused after ${made} queues: ${client.closed.code} ${client.closed.text}`);
  }
  client.destroy();
}

export const priorityQueues: Attack = {
  name: "priority-queues",
  title: "40,000 durable queues with x-max-priority 255",
  kind: "topology",
  // Each queue is declared when it is durable: a thousand attackers would share what one has to wait for.
  arguments: ["--sync", "interval"],
  restarts: true,
  run,
};
