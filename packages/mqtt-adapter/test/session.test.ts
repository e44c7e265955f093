import { until } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { startAdapter, TestDisk } from "./adapter-fixture.ts";
import type { RawClient } from "./raw-client.ts";

function publish(client: RawClient, topic: string, payload: string): void {
  client.packet({ cmd: "publish", topic, payload, qos: 0, dup: false, retain: false });
}

describe("the broker", () => {
  it("tells clients of version 5 that it shuts down, and closes the others", async () => {
    const fixture = await startAdapter();
    const newer = await fixture.client({ clientId: "newer" });
    const older = await fixture.client({ clientId: "older", protocolVersion: 4 });
    const closing = fixture.close();
    expect(await newer.expect("disconnect")).toMatchObject({ reasonCode: 0x8b });
    await newer.end();
    await older.end();
    await closing;
  });

  it("tells clients of a virtual host that is deleted", async () => {
    const fixture = await startAdapter();
    await fixture.broker.createVirtualHost("short");
    await fixture.broker.users.setPermissions("guest", "short", { configure: ".*", write: ".*", read: ".*" });
    const client = await fixture.client({ username: "short:guest", password: "guest" });
    await fixture.broker.deleteVirtualHost("short");
    const disconnect = await client.expect("disconnect");
    expect(disconnect).toMatchObject({ reasonCode: 0x98 });
    expect(disconnect.properties?.reasonString).toContain("short");
    await client.end();
  });

  it.each([3, 4, 5] as const)("ends connections of a user that is deleted, MQTT level %i", async (protocolVersion) => {
    const fixture = await startAdapter();
    await fixture.broker.users.put("leaver", "secret", []);
    await fixture.broker.users.setPermissions("leaver", "/", { configure: ".*", write: ".*", read: ".*" });
    const will = { topic: "wills", payload: Buffer.from("gone"), qos: 1 as const, retain: true };
    const credentials = { username: "leaver", password: "secret" };
    const leaver = await fixture.client({ protocolVersion, clientId: "leaver", will, ...credentials });
    const other = await fixture.client();
    await other.subscribe("wills");
    await fixture.broker.users.delete("leaver");
    if (protocolVersion === 5) {
      const disconnect = await leaver.expect("disconnect");
      expect(disconnect).toMatchObject({ reasonCode: 0x98 });
      expect(disconnect.properties?.reasonString).toBe("user 'leaver' was deleted");
    }
    await leaver.end();
    await until(() => fixture.adapter.connectionCount === 1);
    // Who may do nothing leaves no will either.
    expect(fixture.log.join()).toContain("will not published");
    await other.ping();
  });

  it("takes sessions and retained messages along with a deleted virtual host", async () => {
    const disk = new TestDisk();
    let fixture = await disk.start();
    const make = async () => {
      await fixture.broker.createVirtualHost("short");
      await fixture.broker.users.setPermissions("guest", "short", { configure: ".*", write: ".*", read: ".*" });
    };
    const kept = {
      username: "short:guest",
      password: "guest",
      clean: false,
      properties: { sessionExpiryInterval: 100 },
    };
    const look = async () => {
      const socket = await fixture.socket();
      const connack = await socket.login({ ...kept, properties: {} });
      expect(connack.sessionPresent).toBe(false);
      await socket.subscribe("#", "$own/#");
      await socket.ping();
      await socket.disconnect();
    };
    await make();
    const client = await fixture.client(kept);
    await client.subscribe("a");
    for (const topic of ["a", "$own/a"])
      client.packet({ cmd: "publish", topic, payload: "body", qos: 0, dup: false, retain: true });
    await client.expect("publish");
    await fixture.broker.deleteVirtualHost("short");
    await make();
    await look();
    await fixture.close();
    fixture = await disk.start();
    await look();
  });

  it("tells a client whose queue somebody deletes", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client({ clean: false, properties: { sessionExpiryInterval: 100 } });
    await client.subscribe("a");
    const core = fixture.core();
    await core.deleteQueue("mqtt-subscription-test", false, false);
    expect(await client.expect("disconnect")).toMatchObject({ reasonCode: 0x98 });
    await client.end();
    // The subscription is made good when the client is back.
    const again = await fixture.client({ clean: false, properties: { sessionExpiryInterval: 100 } });
    publish(again, "a", "body");
    expect((await again.expect("publish")).payload.toString()).toBe("body");
  });
});

describe("a connection", () => {
  it("is closed at what is no packet, with the clause in the log", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    client.send(Buffer.from([0x36, 5, 0, 1, 0x61, 0, 1]));
    const disconnect = await client.expect("disconnect");
    expect(disconnect.reasonCode).toBe(0x81);
    expect(disconnect.properties?.reasonString).toContain("QoS");
    await client.end();
    expect(fixture.log.join()).toContain("MQTT-3.3.1-4");
    expect(fixture.log.join()).toContain("test");
  });

  it("handles packets in order, whatever has to become durable on the way", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client({ clean: false, properties: { sessionExpiryInterval: 100 } });
    const subscriptions = [{ topic: "a", qos: 0 as const }];
    client.packet({ cmd: "subscribe", messageId: 1, subscriptions });
    publish(client, "a", "1");
    client.packet({ cmd: "unsubscribe", messageId: 2, unsubscriptions: ["a"] });
    publish(client, "a", "2");
    client.packet({ cmd: "pingreq" });
    await client.expect("suback");
    expect((await client.expect("publish")).payload.toString()).toBe("1");
    await client.expect("unsuback");
    await client.expect("pingresp");
  });

  it("that publishes is not read from while a resource alarm is on", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    publish(client, "a", "before");
    await until(() => fixture.broker.totals.published === 1);
    fixture.broker.alarms.set("disk", "test", true);
    publish(client, "a", "held");
    const other = await fixture.client({ clientId: "other" });
    await other.ping();
    expect(fixture.broker.totals.published).toBe(1);
    fixture.broker.alarms.set("disk", "test", false);
    await until(() => fixture.broker.totals.published === 2);
  });

  it("that does not read gets a bounded number of messages of QoS 0, the rest is dropped and counted", async () => {
    const fixture = await startAdapter({
      brokerLimits: { outboxBytesMax: 64 * 1024 },
      limits: { slowQos0MessagesMax: 100 },
    });
    const slow = await fixture.client({ clientId: "slow" });
    await slow.subscribe("a");
    slow.pause();
    const publisher = await fixture.client({ clientId: "publisher" });
    const payload = "x".repeat(10_000);
    const { totals } = fixture.broker;
    for (let round = 0; totals.dropped.overload === 0; round++) {
      if (round > 100) throw new Error("nothing was dropped");
      for (let count = 0; count < 100; count++) publish(publisher, "a", payload);
      await publisher.ping();
    }
    expect(fixture.core().virtualHost.queues.get("mqtt-subscription-slow")?.readyCount).toBe(100);
    slow.resume();
    await until(() => fixture.core().virtualHost.queues.get("mqtt-subscription-slow")?.readyCount === 0);
  });

  it("gives everything back when it is gone", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    await client.subscribe("a", "$share/g/b");
    client.destroy();
    await until(() => fixture.adapter.connectionCount === 0);
    expect(fixture.broker.connections.size).toBe(0);
    const { virtualHost } = fixture.core();
    expect(virtualHost.queues.size).toBe(0);
    expect(virtualHost.exchanges.get("amq.topic")?.bindings.size).toBe(0);
  });
});
