import { until } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { startAdapter, TestDisk } from "./adapter-fixture.ts";

const kept = { clean: false, properties: { sessionExpiryInterval: 3600 } };
const levels = (count: number): string => Array.from({ length: count }, (_, index) => `${index}`).join("/");

describe("the memory of sessions", () => {
  it("is released with what it was for: filters, wills, packet identifiers, the session", async () => {
    const fixture = await startAdapter();
    const { broker } = fixture;
    const before = broker.topologyBytes;
    const will = { topic: "w", payload: Buffer.alloc(10_000), qos: 0 as const, retain: false };
    const client = await fixture.client({ ...kept, clientId: "c", will });
    const idle = broker.topologyBytes;
    expect(idle - before).toBeGreaterThan(11_000);
    await client.subscribe("a", "b/+/c", "$share/g/x");
    const subscribed = broker.topologyBytes;
    expect(subscribed - idle).toBeGreaterThan(3000);
    client.packet({ cmd: "publish", topic: "d", payload: "", qos: 2, messageId: 7, dup: false, retain: true });
    client.packet({ cmd: "publish", topic: "d", payload: "x", qos: 2, messageId: 8, dup: false, retain: true });
    await client.expect("pubrec");
    await client.expect("pubrec");
    expect(broker.topologyBytes).toBeGreaterThan(subscribed + 800);
    for (const messageId of [7, 8]) {
      client.packet({ cmd: "pubrel", messageId });
      await client.expect("pubcomp");
    }
    client.packet({ cmd: "publish", topic: "d", payload: "", qos: 1, messageId: 9, dup: false, retain: true });
    await client.expect("puback");
    client.packet({ cmd: "unsubscribe", messageId: 2, unsubscriptions: ["a", "b/+/c", "$share/g/x"] });
    await client.expect("unsuback");
    client.packet({ cmd: "disconnect", properties: { sessionExpiryInterval: 0 } });
    await until(() => broker.connections.size === 0);
    expect(broker.topologyBytes).toBe(before);
  });

  it("is the same after a restart", async () => {
    const disk = new TestDisk();
    const first = await disk.start();
    const client = await first.client({ ...kept, clientId: "c" });
    await client.subscribe("a", levels(200), "$share/g/x");
    client.packet({ cmd: "publish", topic: "d", payload: "x", qos: 2, messageId: 8, dup: false, retain: true });
    await client.expect("pubrec");
    client.destroy();
    await until(() => first.broker.connections.size === 0);
    const weighed = first.broker.topologyBytes;
    const { users } = first.broker.topologyAccounts;
    const ofUser = users.get("guest")?.bytes;
    await first.close();
    const second = await disk.start();
    expect(second.broker.topologyBytes).toBe(weighed);
    expect(second.broker.topologyAccounts.users.get("guest")?.bytes).toBe(ofUser);
  });

  it("is bounded: filters are refused with 0x97, or 0x80, sessions in CONNACK, retained messages", async () => {
    const fixture = await startAdapter({ brokerLimits: { topologyBytesMax: 700_000, userTopologyBytesMax: 300_000 } });
    const client = await fixture.client();
    const granted: (readonly unknown[])[] = [];
    for (let index = 0; index < 8; index++) granted.push(await client.subscribe(`${index}/${levels(200)}`));
    expect([granted.at(0), granted.at(-1)]).toEqual([[0], [0x97]]);
    const old = await fixture.client({ protocolVersion: 4, clientId: "old" });
    expect(await old.subscribe(levels(250))).toEqual([0x80]);
    client.packet({
      cmd: "publish",
      topic: "r",
      payload: Buffer.alloc(600_000),
      qos: 1,
      messageId: 7,
      dup: false,
      retain: true,
    });
    expect((await client.expect("puback")).reasonCode).toBe(0x97);
    let refused = 0;
    for (let index = 0; index < 200 && refused === 0; index++) {
      const late = await fixture.socket();
      late.sendConnect({ ...kept, clientId: `${index}${"c".repeat(1000)}` });
      refused = (await late.expect("connack")).reasonCode ?? 0;
    }
    expect(refused).toBe(0x97);
  });

  it("while it is low nothing new is defined, and what is there is used", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client({ ...kept, clientId: "c" });
    await client.subscribe("a", "b");
    fixture.broker.alarms.set("memory", "test", true);
    expect(await client.subscribe("a", "new")).toEqual([0, 0x97]);
    client.packet({ cmd: "unsubscribe", messageId: 2, unsubscriptions: ["b"] });
    await client.expect("unsuback");
    client.destroy();
    await until(() => fixture.broker.connections.size === 0);
    const again = await fixture.client({ ...kept, clientId: "c" });
    expect(await again.subscribe("a")).toEqual([0]);
    // A session that ends with its connection is no definition; one that is kept is.
    await fixture.client({ clientId: "other" });
    const late = await fixture.socket();
    late.sendConnect({ ...kept, clientId: "new" });
    expect((await late.expect("connack")).reasonCode).toBe(0x97);
  });
});
