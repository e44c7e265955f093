import { declareFlags, message, method, octet, short, shortstr } from "../../harness/wire.ts";
import { type Attack, type Scene, sized } from "../attack.ts";
import { AmqpClient, bindQueue, declareQueue } from "../wire/amqp-client.ts";

const confirmSelect = method(1, 85, 10, octet(0));
const batch = 1000;

/** As many as the broker lets one connection have. */
async function declareMany(owner: AmqpClient, wanted: number): Promise<number> {
  const flags = declareFlags.exclusive | declareFlags.nowait;
  for (let start = 0; start < wanted; start += batch) {
    const bytes: Buffer[] = [];
    for (let index = start; index < start + batch; index++) {
      bytes.push(declareQueue(`many.${index}`, flags), bindQueue(`many.${index}`, "amq.fanout", "", 1));
    }
    owner.stream.send(...bytes);
    const refused = await owner.settled().then(
      () => false,
      (error: unknown) => owner.wasRefused(error),
    );
    if (refused) return start;
  }
  return wanted;
}

/** One message that goes to very many queues, and their end. */
async function run(scene: Scene): Promise<void> {
  const owner = await AmqpClient.open(scene.amqpPort);
  const queues = await declareMany(owner, sized(scene, 5000, 100_000));
  scene.note(`${queues} queues`);
  const publisher = await AmqpClient.open(scene.amqpPort);
  await publisher.call(1, confirmSelect, 0x55000b);
  const times = sized(scene, 3, 5);
  for (let sent = 0; sent < times; sent++) {
    await publisher.call(1, message(1, "amq.fanout", "", Buffer.from(`m${sent}`)), 0x3c0050);
  }
  // Confirmed is in every queue.
  for (const index of [0, queues >> 1, queues - 1]) {
    const get = method(1, 60, 70, short(0), shortstr(`many.${index}`), octet(1));
    const args = await owner.call(1, get, 0x3c0047);
    const left = args.readUInt32BE(args.length - 4);
    if (left !== times - 1) throw new Error(`queue ${index} has ${left} more messages instead of ${times - 1}`);
  }
  owner.destroy();
  publisher.destroy();
}

export const manyQueues: Attack = {
  name: "message-to-many-queues",
  title: "messages to 100,000 queues, which end with their connection",
  kind: "single",
  peakMiBMax: 700,
  afterMiBMax: 500,
  heapMiB: 1024,
  run,
};
