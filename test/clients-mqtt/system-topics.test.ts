import { expect, onTestFinished, test } from "vitest";
import { startMosquitto } from "../harness/mosquitto-server.ts";
import { mqttjsClient } from "../harness/mqttjs-client.ts";
import { type MqttAddress, startMqttTarget } from "../harness/mqtt-target.ts";

const servers: Readonly<Record<string, () => Promise<MqttAddress>>> = {
  "the broker": async () => {
    const target = await startMqttTarget({ mqttSysInterval: 1000 });
    onTestFinished(() => target.close());
    return target;
  },
  mosquitto: () => startMosquitto(["sys_interval 1"]),
};

const names = ["$SYS/broker/bytes/received", "$SYS/broker/bytes/sent"];
const bodyBytes = 100_000;

// What one client sends to itself: both numbers have grown by it, and not by much more.
test.each(Object.keys(servers))("%s counts the bytes of its clients", async (name) => {
  const client = await mqttjsClient(await (servers[name] as () => Promise<MqttAddress>)());
  const texts = new Map<string, string[]>(names.map((topic) => [topic, []]));
  client.messages.onItem = ({ topic, text }) => texts.get(topic)?.push(text);
  await client.subscribe([...names, "own"]);
  const latest = (): readonly number[] => [...texts.values()].map((each) => Number(each.at(-1)));
  await expect.poll(() => [...texts.values()].every(({ length }) => length > 0), { timeout: 20_000 }).toBe(true);
  const before = latest();
  const grown = (): readonly number[] => latest().map((bytes, at) => bytes - (before[at] as number));
  await client.publish("own", Buffer.alloc(bodyBytes), { qos: 1 });
  await expect.poll(() => grown().every((bytes) => bytes > bodyBytes), { timeout: 20_000 }).toBe(true);
  for (const bytes of grown()) expect(bytes).toBeLessThan(bodyBytes + 5000);
  for (const text of [...texts.values()].flat()) expect(text).toMatch(/^\d+$/);
});
