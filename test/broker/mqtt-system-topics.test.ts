import { createBroker, type EmbeddedBroker } from "@jackalope/server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { localMqtt, mqttOnFreePorts } from "../harness/mqtt-target.ts";
import { mqttjsClient } from "../harness/mqttjs-client.ts";
import { waitFor } from "../harness/waiting.ts";

let broker: EmbeddedBroker;
beforeAll(async () => {
  broker = await createBroker({ ...mqttOnFreePorts, mqttSysInterval: 50 });
});
afterAll(() => broker.close());

test("$SYS/# tells the figures at once, and again when they have changed", async () => {
  const address = localMqtt(broker.ports.mqtt);
  const watcher = await mqttjsClient(address);
  await watcher.subscribe("$SYS/#", { qos: 0 });
  const last = (name: string): string | undefined =>
    watcher.messages.items.findLast(({ topic }) => topic === `$SYS/broker/${name}`)?.text;
  await waitFor("the figures", () => last("clients/connected") === "1" && last("version") !== undefined);
  expect(last("uptime")).toMatch(/^\d+ seconds$/);
  const other = await mqttjsClient(address);
  await waitFor("the other client", () => last("clients/connected") === "2");
  await other.publish("kept", "x", { qos: 1, retain: true });
  await waitFor("the retained message", () => last("retained messages/count") === "1");
  await other.end();
  await waitFor("the end of the other client", () => last("clients/connected") === "1");
});

test("# does not bring $SYS, and nobody but the broker publishes there", async () => {
  const client = await mqttjsClient(localMqtt(broker.ports.mqtt));
  await client.subscribe("#", { qos: 0 });
  await client.subscribe("$SYS/broker/version", { qos: 0 });
  await client.messages.first(1);
  expect(new Set(client.seen.map(([topic]) => topic)).has("$SYS/broker/uptime")).toBe(false);
  await expect(client.publish("$SYS/broker/version", "forged", { qos: 1 })).rejects.toThrow();
});
