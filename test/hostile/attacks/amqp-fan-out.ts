import { basicConsume, declareFlags } from "../../harness/wire.ts";
import { type Attack, type Scene, sized } from "../attack.ts";
import { pump, repeated } from "../pump.ts";
import { AmqpClient, bindQueue, declareQueue, publish } from "../wire/amqp-client.ts";

const noAck = 2;
const nowait = 8;
const body = Buffer.alloc(100, 0x61);

interface Shape {
  readonly exchange: string;
  readonly publishers: number;
  readonly queues: number;
  /** Connections over which the queues' consumers are spread. */
  readonly consumers: number;
  /** 2 has consumers that are owed nothing, 0 consumers that never acknowledge. */
  readonly consumeFlags: number;
}

/** Publishers without confirms at full speed; every message goes to every queue. */
async function fanOut(scene: Scene, shape: Shape): Promise<void> {
  const { exchange, publishers, queues, consumers, consumeFlags } = shape;
  const consuming = await openAll(scene, consumers);
  for (let index = 0; index < queues; index++) {
    const { stream } = consuming[index % consumers] as AmqpClient;
    const name = `flood.${process.pid}.${index}`;
    stream.send(
      declareQueue(name, declareFlags.exclusive | declareFlags.nowait),
      bindQueue(name, exchange, "flood", 1),
    );
    stream.send(basicConsume(1, name, `c${index}`, consumeFlags | nowait));
  }
  await Promise.all(consuming.map((client) => client.settled()));
  for (const client of consuming) client.countBytesOnly();
  const publishing = await openAll(scene, publishers);
  const one = publish(exchange, "flood", body);
  const sentBytes = await pump(
    publishing.map(({ stream }) => stream),
    repeated(one, 16_384),
    scene.seconds,
  );
  const deliveredBytes = consuming.reduce((sum, { stream }) => sum + stream.receivedBytes, 0);
  const mebibytes = [sentBytes, deliveredBytes].map((bytes) => (bytes / scene.seconds / 1_048_576).toFixed(1));
  scene.note(`${mebibytes[0]} MiB/s published, ${mebibytes[1]} MiB/s delivered`);
  const starved = consuming.filter(({ stream }) => stream.receivedBytes < 10 * one.length).length;
  if (starved > 0) throw new Error(`${starved} of ${consumers} consuming connections got hardly anything`);
  const cut = consuming.filter(({ stream }) => stream.ended).length;
  if (cut > 0) throw new Error(`${cut} of ${consumers} consuming connections were cut off`);
  for (const client of [...publishing, ...consuming]) client.destroy();
}

async function openAll({ amqpPort }: Scene, count: number): Promise<AmqpClient[]> {
  return Promise.all(Array.from({ length: count }, () => AmqpClient.open(amqpPort)));
}

const fanout = { exchange: "amq.fanout", consumers: 1, consumeFlags: 0 } as const;
/** Queues and ledgers that were full: below the alarm nobody asks an idle heap to give back what it has. */
const afterMiBMax = 300;

export const amqpFanOut: readonly Attack[] = [
  {
    name: "amqp-topic-10-100",
    title: "AMQP topic: 10 publishers at full speed, 100 consumers with a queue each",
    kind: "flood",
    run: (scene) =>
      fanOut(scene, { exchange: "amq.topic", publishers: 10, queues: 100, consumers: 100, consumeFlags: noAck }),
  },
  {
    name: "amqp-fanout-100-queues",
    title: "AMQP fanout: 10 publishers, 100 queues of one connection that never acknowledges",
    kind: "flood",
    afterMiBMax,
    run: (scene) => fanOut(scene, { ...fanout, publishers: 10, queues: 100 }),
  },
  {
    name: "amqp-fanout-1500-queues",
    title: "AMQP fanout: 100 publishers, 1,500 queues of one connection that never acknowledges",
    kind: "flood",
    afterMiBMax,
    run: (scene) => fanOut(scene, { ...fanout, publishers: sized(scene, 20, 100), queues: sized(scene, 500, 1500) }),
  },
];
