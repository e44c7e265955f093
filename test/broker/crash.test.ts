import { type ChannelModel } from "amqplib";
import { expect, test } from "vitest";
import { type BrokerProcess, startAndKill, startBrokerProcess, temporaryDataDir } from "../harness/broker-process.ts";
import { Ledger, LoadPublisher, mortalConnection, runConsumer } from "../harness/crash-load.ts";
import { waitFor } from "../harness/waiting.ts";

const queues = ["crash.one", "crash.two", "crash.three"] as const;
const noteQueue = "crash.notes";
const rounds = 4;

async function declareQueues(url: string): Promise<void> {
  const connection = await mortalConnection(url);
  const channel = await connection.createChannel();
  for (const queue of [...queues, noteQueue]) await channel.assertQueue(queue, { durable: true });
  await connection.close();
}

/** Publishers and consumers on connections of their own. */
async function connectLoad(broker: BrokerProcess, ledger: Ledger, publishers: readonly LoadPublisher[]) {
  const connections: ChannelModel[] = [];
  for (const publisher of publishers) {
    const connection = await mortalConnection(broker.url);
    connections.push(connection);
    await publisher.run(connection, 500);
  }
  await connectConsumers(broker, ledger, connections);
  return connections;
}

async function connectConsumers(broker: BrokerProcess, ledger: Ledger, connections: ChannelModel[]): Promise<void> {
  for (const queue of queues) {
    const connection = await mortalConnection(broker.url);
    connections.push(connection);
    await runConsumer(connection, ledger, queue, noteQueue);
  }
}

test("kill -9 under load loses no confirmed message, invents none, keeps order and redelivers nothing settled", async () => {
  const dataDir = await temporaryDataDir();
  const ledger = new Ledger();
  const publishers = ["a", "b"].map((name) => new LoadPublisher(ledger, name, queues));
  let broker = await startBrokerProcess(dataDir);
  await declareQueues(broker.url);
  for (let round = 0; round < rounds; round++) {
    const connections = await connectLoad(broker, ledger, publishers);
    const ends = connections.map((connection) => new Promise((ended) => connection.once("close", ended)));
    const confirmedTarget = ledger.confirmed.size + 500 + Math.floor(Math.random() * 6000);
    const settledTarget = ledger.settled.size + 100;
    await waitFor("some thousand confirms", () => ledger.confirmed.size >= confirmedTarget, 30_000);
    await waitFor("some acknowledgements", () => ledger.settled.size >= settledTarget, 30_000);
    expect(await broker.end("SIGKILL")).toEqual({ code: null, signal: "SIGKILL" });
    await Promise.all(ends);
    // It may die in the middle of its recovery as well: a start takes some 150 ms.
    await startAndKill(dataDir, 50 + Math.random() * 150);
    broker = await startBrokerProcess(dataDir);
    expect(ledger.faults).toEqual([]);
  }
  const connections: ChannelModel[] = [];
  await connectConsumers(broker, ledger, connections);
  await waitFor("every confirmed message", () => ledger.lost.length === 0, 30_000).catch(() => undefined);
  expect(ledger.lost.slice(0, 20)).toEqual([]);
  const asking = await (await mortalConnection(broker.url)).createChannel();
  for (const queue of queues) {
    await waitFor(`${queue} to be empty`, async () => (await asking.checkQueue(queue)).messageCount === 0);
  }
  expect(ledger.faults).toEqual([]);
  expect(ledger.settled.size).toBeGreaterThan(rounds * 100);
  expect(await broker.end("SIGTERM")).toEqual({ code: 0, signal: null });
});
