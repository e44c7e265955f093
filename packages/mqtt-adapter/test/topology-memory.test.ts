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
    const payload = Buffer.alloc(60_000);
    let retained = 0;
    for (let index = 0; index < 12 && retained === index; index++) {
      client.packet({ cmd: "publish", topic: `r${index}`, payload, qos: 1, messageId: 7, dup: false, retain: true });
      if ((await client.expect("puback")).reasonCode !== 0x97) retained++;
    }
    expect(retained).toBeGreaterThan(4);
    expect(retained).toBeLessThan(12);
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

describe("the memory of a connection", () => {
  const long = (index: number): string => `${index}/${"t".repeat(60_000)}`;

  it("counts topic aliases, and ends with 0x97 where there is no room for one more", async () => {
    const fixture = await startAdapter({ brokerLimits: { connectionTopologyBytesMax: 2_000_000 } });
    const { broker } = fixture;
    const before = broker.topologyBytes;
    const client = await fixture.client();
    const publish = (topicAlias: number, topic: string): void =>
      client.packet({
        cmd: "publish",
        topic,
        payload: "",
        qos: 1,
        messageId: topicAlias,
        dup: false,
        retain: false,
        properties: { topicAlias },
      });
    for (const index of [1, 2, 3]) publish(index, long(index));
    for (let count = 0; count < 3; count++) await client.expect("puback");
    const three = broker.topologyBytes;
    expect(three - before).toBeGreaterThan(3 * 240_000);
    // Another topic under the same alias takes the place of the first.
    publish(3, "short");
    await client.expect("puback");
    expect(broker.topologyBytes).toBeLessThan(three - 200_000);
    for (let index = 3; index < 20; index++) publish(index, long(index));
    let packet = await client.next();
    while (packet.cmd === "puback") packet = await client.next();
    expect(packet).toMatchObject({
      cmd: "disconnect",
      reasonCode: 0x97,
      properties: { reasonString: expect.stringContaining("is not set: topology memory limit of connection") },
    });
    await until(() => broker.connections.size === 0);
    expect(broker.topologyBytes).toBe(before);
  });

  it("counts packets that have not come whole, and ends with 0x97 where they become too much", async () => {
    const fixture = await startAdapter({ brokerLimits: { connectionTopologyBytesMax: 1_000_000 } });
    const { broker } = fixture;
    const client = await fixture.client();
    const before = broker.topologyBytes;
    // The beginning of a PUBLISH of a mebibyte and more.
    client.send(Buffer.from([0x30, 0x80, 0x80, 0x60, 0, 1, 0x74, 0]), Buffer.alloc(300_000));
    await until(() => broker.topologyBytes - before >= 300_000);
    client.send(Buffer.alloc(900_000));
    expect(await client.expect("disconnect")).toMatchObject({ reasonCode: 0x97 });
    await until(() => broker.connections.size === 0);
    expect(broker.topologyBytes).toBeLessThan(before);
  });

  it("has nothing left of a packet that came whole", async () => {
    const fixture = await startAdapter();
    const { broker } = fixture;
    const client = await fixture.client();
    const publish = Buffer.concat([Buffer.from([0x30, 0x84, 0x80, 0x40, 0, 1, 0x74, 0]), Buffer.alloc(1024 * 1024)]);
    client.send(publish.subarray(0, 500_000));
    await until(() => broker.topologyBytes > 500_000);
    client.send(publish.subarray(500_000));
    await until(() => broker.totals.published === 1);
    expect(broker.topologyBytes).toBeLessThan(20_000);
  });

  it("counts the topics that it remembers", async () => {
    const fixture = await startAdapter({ brokerLimits: { routeCacheMax: 1 } });
    const { broker } = fixture;
    const client = await fixture.client();
    const before = broker.topologyBytes;
    for (let index = 0; index < 1000; index++) {
      client.packet({ cmd: "publish", topic: `t/${index}`, payload: "", qos: 0, dup: false, retain: false });
    }
    await until(() => broker.totals.published === 1000);
    expect(broker.topologyBytes - before).toBeGreaterThan(300_000);
    client.destroy();
    await until(() => broker.connections.size === 0);
    expect(broker.topologyBytes).toBeLessThan(before);
  });
});
