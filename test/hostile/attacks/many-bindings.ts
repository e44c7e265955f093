import { declareFlags, method, octet, short, shortstr } from "../../harness/wire.ts";
import { type Attack, type Scene, sized } from "../attack.ts";
import { AmqpClient, bindQueue, declareQueue } from "../wire/amqp-client.ts";

const batch = 1000;

/** A durable queue with very many bindings is deleted; the broker is started again meanwhile in `restarts`. */
async function run(scene: Scene): Promise<void> {
  const bindings = sized(scene, 20_000, 100_000);
  const client = await AmqpClient.open(scene.amqpPort);
  for (const name of ["bound", "kept"]) {
    await client.call(1, declareQueue(name, declareFlags.durable), 0x32000b);
    for (let start = 0; start < (name === "kept" ? bindings / 4 : bindings); start += batch) {
      const keys = Array.from({ length: batch }, (_, index) => `key.${start + index}.*.${(start + index) % 97}`);
      client.stream.send(...keys.map((key) => bindQueue(name, "amq.topic", key, 1)));
      await client.settled();
    }
  }
  const beganMs = performance.now();
  await client.call(1, method(1, 50, 40, short(0), shortstr("bound"), octet(0)), 0x320029);
  scene.note(`${bindings} bindings went in ${(performance.now() - beganMs).toFixed(0)} ms`);
  client.destroy();
}

export const manyBindings: Attack = {
  name: "delete-queue-100000-bindings",
  title: "the deletion of a durable queue with 100,000 bindings",
  kind: "single",
  // Each binding is answered when it is durable: a thousand attackers would share what one has to wait for.
  arguments: ["--sync", "interval"],
  heapMiB: 1024,
  peakMiBMax: 500,
  afterMiBMax: 400,
  restarts: true,
  run,
};
