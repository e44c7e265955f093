import { expect, test } from "vitest";
import { startAndKill, startBrokerProcess, temporaryDataDir } from "../harness/broker-process.ts";
import { KeptPublisher, KeptSubscriber } from "../harness/mqtt-crash-load.ts";
import { localMqtt, type MqttAddress } from "../harness/mqtt-target.ts";
import { mqttjsClient } from "../harness/mqttjs-client.ts";
import { nth } from "../harness/nth.ts";
import { waitFor } from "../harness/waiting.ts";

const rounds = 4;

/** The number that is kept for the topic, -1 for none. */
async function retainedNumber(address: MqttAddress, topic: string): Promise<number> {
  const client = await mqttjsClient(address);
  await client.subscribe(topic, { qos: 0 });
  await client.settled();
  const message = client.messages.items.find(({ packet }) => packet.retain);
  await client.end();
  return Number(message?.text ?? -1);
}

function greatest(texts: ReadonlySet<string>): number {
  return [...texts].reduce((most, text) => Math.max(most, Number(text)), -1);
}

test("kill -9 under load: QoS 1 loses nothing acknowledged, QoS 2 comes exactly once and in order, sessions and retained messages stay", async () => {
  const dataDir = await temporaryDataDir();
  const subscriber = new KeptSubscriber("crash subscriber", "crash/#");
  const once = new KeptPublisher("crash/twice-or-more", 1, 64);
  const exactly = new KeptPublisher("crash/exactly-once", 2, 64);
  const retained = new KeptPublisher("kept/number", 1, 4, true);
  const publishers = [once, exactly, retained];
  let broker = await startBrokerProcess(dataDir);
  for (let round = 0; round < rounds; round++) {
    const address = localMqtt(broker.mqttPort);
    await subscriber.run(address);
    for (const publisher of publishers) await publisher.run(address);
    const targets = publishers.map(({ acknowledged }) => acknowledged.size + 100 + Math.floor(Math.random() * 1500));
    for (const [index, { acknowledged }] of publishers.slice(0, 2).entries()) {
      const goal = nth(targets, index);
      await waitFor("some hundred acknowledgements", () => acknowledged.size >= goal, 30_000);
    }
    expect(await broker.end("SIGKILL")).toEqual({ code: null, signal: "SIGKILL" });
    const keptNumber = greatest(retained.acknowledged);
    await startAndKill(dataDir, 50 + Math.random() * 150);
    broker = await startBrokerProcess(dataDir);
    expect(await retainedNumber(localMqtt(broker.mqttPort), "kept/number")).toBeGreaterThanOrEqual(keptNumber);
    expect([...publishers.flatMap(({ faults }) => faults), ...subscriber.faults]).toEqual([]);
  }
  const address = localMqtt(broker.mqttPort);
  for (const publisher of publishers) publisher.stop();
  for (const publisher of publishers) await publisher.run(address);
  await waitFor("the rest of the acknowledgements", () => publishers.every(({ inFlight }) => inFlight === 0), 30_000);
  // Only now: what waited in the session comes too.
  await subscriber.run(address);
  await waitFor("the rest of the messages", () => subscriber.total >= once.published + exactly.published, 30_000).catch(
    () => undefined,
  );
  const received = subscriber.countsOf(exactly.topic);
  expect([...received.values()].filter((count) => count !== 1)).toEqual([]);
  expect([...received.keys()].map(Number)).toEqual(Array.from({ length: exactly.published }, (_, index) => index));
  const missing = [...once.acknowledged].filter((text) => !subscriber.countsOf(once.topic).has(text));
  expect(missing).toEqual([]);
  expect([...publishers.flatMap(({ faults }) => faults), ...subscriber.faults]).toEqual([]);
  expect(await broker.end("SIGTERM")).toEqual({ code: 0, signal: null });
});
