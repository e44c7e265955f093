import type { Broker } from "@jackalope/core";
import { FakeClock, until } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { createAedesAdapter } from "../../src/aedes/index.ts";
import { RawClient } from "../raw-client.ts";
import { afterTest, CoreClient, mqttClient, openBroker } from "./broker-fixture.ts";

async function listen(broker: Broker): Promise<number> {
  const adapter = createAedesAdapter({ broker });
  afterTest(() => adapter.close());
  const [{ port } = { port: 0 }] = await adapter.listen({ host: "127.0.0.1", port: 0 });
  return port;
}

async function rawClient(port: number, clientId: string, keepalive = 0): Promise<RawClient> {
  const client = await RawClient.connect(port);
  const will = { topic: "will", payload: Buffer.from("bye"), qos: 0 as const, retain: false };
  await client.login({ protocolVersion: 4, clientId, keepalive, will });
  return client;
}

const publish = {
  cmd: "publish",
  topic: "t",
  payload: "held",
  qos: 1,
  dup: false,
  retain: false,
  messageId: 7,
} as const;

describe("clients of the aedes engine", () => {
  it("are served from a start while memory is low, in virtual hosts of their first client too, and subscriptions are refused", async () => {
    const { broker } = await openBroker();
    broker.alarms.set("memory", "test", true);
    const port = await listen(broker);
    await broker.createVirtualHost("later");
    await broker.users.setPermissions("guest", "later", { configure: ".*", write: ".*", read: ".*" });
    for (const username of ["guest", "later:guest"]) {
      const mqtt = await mqttClient(port, { username });
      await expect(mqtt.subscribeAsync("a", { qos: 1 })).rejects.toThrow();
      broker.alarms.set("memory", "test", false);
      await mqtt.subscribeAsync("a", { qos: 1 });
      broker.alarms.set("memory", "test", true);
    }
  });

  it("that publish during an alarm have their pings answered, and live for as long as it is on", async () => {
    const clock = new FakeClock();
    const { broker } = await openBroker(undefined, false, { clock });
    const client = await rawClient(await listen(broker), "publisher", 1);
    broker.alarms.set("disk", "test", true);
    client.packet(publish);
    for (let seconds = 0; seconds < 3; seconds++) {
      await client.ping();
      clock.advance(1000);
    }
    // Nor does one that waits for PUBACK before it says anything more.
    for (let looks = 0; looks < 20; looks++) clock.advance(250);
    await client.ping();
    broker.alarms.set("disk", "test", false);
    expect(await client.expect("puback")).toMatchObject({ messageId: 7 });
    for (let looks = 0; looks < 8; looks++) clock.advance(250);
    await client.end();
  });

  it("that publish during an alarm can acknowledge what they get", async () => {
    const { broker } = await openBroker();
    const client = await rawClient(await listen(broker), "both");
    await client.subscribe({ topic: "in", qos: 1 });
    broker.alarms.set("disk", "test", true);
    client.packet(publish);
    const core = new CoreClient(broker);
    for (let count = 0; count < 300; count++) {
      core.publish("in", "x", true);
      const { messageId = 0 } = await client.expect("publish");
      client.packet({ cmd: "puback", messageId });
    }
  });

  it("that leave during an alarm have published before their DISCONNECT, and nothing where they break off", async () => {
    const { broker } = await openBroker();
    const port = await listen(broker);
    const core = new CoreClient(broker);
    await core.subscribe("#");
    const [leaves, breaks] = [await rawClient(port, "leaves"), await rawClient(port, "breaks")];
    broker.alarms.set("disk", "test", true);
    for (const client of [leaves, breaks]) {
      client.packet(publish);
      await client.ping();
    }
    const left = leaves.disconnect();
    breaks.destroy();
    await until(() => core.received.length === 1);
    broker.alarms.set("disk", "test", false);
    await until(() => core.received.length === 2);
    expect(core.received.map(({ text }) => text)).toEqual(["bye", "held"]);
    await left.catch(() => undefined);
  });
});

describe("what a client of the aedes engine sends", () => {
  it("is handled in parts, between which others have their turn, and is not lost where it leaves at once", async () => {
    const { broker } = await openBroker();
    const client = await rawClient(await listen(broker), "busy");
    const core = new CoreClient(broker);
    await core.subscribe("t");
    const count = 6000;
    for (let sent = 0; sent < count; sent++) client.packet({ ...publish, qos: 0 });
    const left = client.disconnect();
    let before = 0;
    let most = 0;
    await until(() => {
      most = Math.max(most, core.received.length - before);
      before = core.received.length;
      return before >= count;
    });
    expect(most).toBeLessThan(1500);
    await left;
  });

  it("is paid for while it has not come whole", async () => {
    const { broker } = await openBroker();
    const client = await rawClient(await listen(broker), "slow");
    const own = [...broker.connections].find(({ options }) => options.clientId === "slow");
    const before = own?.payer.bytes ?? 0;
    client.send(Buffer.from([0x30, 0x80, 0x80, 0x40]), Buffer.alloc(300 * 1024, 1));
    await until(() => (own?.payer.bytes ?? 0) - before >= 300 * 1024);
  });
});
