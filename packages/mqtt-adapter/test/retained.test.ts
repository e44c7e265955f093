import { randomBytes } from "node:crypto";
import { Message } from "@jackalope/core/adapter";
import { FakeClock, testFormat, until } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { startAdapter, TestDisk } from "./adapter-fixture.ts";
import type { PacketOf, RawClient } from "./raw-client.ts";

type Publish = PacketOf<"publish">;

interface RetainOptions extends Partial<Omit<Publish, "cmd" | "topic" | "payload">> {
  readonly body?: string;
}

/** Publishes with RETAIN and QoS 1; returns the reason code of PUBACK. */
async function retain(
  client: RawClient,
  topic: string,
  { body = topic, ...rest }: RetainOptions = {},
): Promise<number> {
  client.packet({ cmd: "publish", topic, payload: body, qos: 1, retain: true, dup: false, messageId: 1, ...rest });
  return (await client.expect("puback")).reasonCode ?? 0;
}

interface Asked {
  readonly qos?: 0 | 1 | 2;
  readonly rh?: number;
  readonly rap?: boolean;
  readonly id?: number;
}

async function subscribe(client: RawClient, filter: string, { id, ...options }: Asked = {}): Promise<void> {
  client.packet({
    cmd: "subscribe",
    messageId: 9,
    subscriptions: [{ topic: filter, qos: 0, ...options } as never],
    ...(id === undefined ? {} : { properties: { subscriptionIdentifier: id } }),
  });
  await client.expect("suback");
}

async function publishes(client: RawClient, count: number): Promise<Publish[]> {
  const packets: Publish[] = [];
  while (packets.length < count) packets.push(await client.expect("publish"));
  return packets;
}

describe("retained messages", () => {
  it("tell who published them where messages do, whatever the publisher says", async () => {
    const fixture = await startAdapter({ addsOrigin: true });
    const publisher = await fixture.client({ clientId: "publisher" });
    await retain(publisher, "v1.2/x", { properties: { userProperties: { "x-origin-user": "root", own: "1" } } });
    const subscriber = await fixture.client({ clientId: "subscriber" });
    await subscribe(subscriber, "v1.2/+");
    const [got] = await publishes(subscriber, 1);
    expect([got?.topic, got?.retain]).toEqual(["v1.2/x", true]);
    expect({ ...got?.properties?.userProperties }).toMatchObject({
      own: "1",
      "x-origin-user": "guest",
      "x-origin-client-id": "publisher",
    });
  });

  it("come to a new subscription by wildcard, as they were published", async () => {
    const fixture = await startAdapter();
    const publisher = await fixture.client();
    for (const topic of ["a/b", "a/c.d", "$a/b", "e"]) await retain(publisher, topic);
    const subscriber = await fixture.client({ clientId: "subscriber" });
    await subscribe(subscriber, "a/+", { qos: 1, id: 7 });
    const got = await publishes(subscriber, 2);
    expect(got.map(({ topic, retain: flag, qos }) => [topic, flag, qos]).sort()).toEqual([
      ["a/b", true, 1],
      ["a/c.d", true, 1],
    ]);
    for (const { properties } of got) expect(properties?.subscriptionIdentifier).toBe(7);
    await subscribe(subscriber, "+", { rh: 2 });
    await subscribe(subscriber, "+", { rh: 1 });
    await subscribe(subscriber, "+", { rh: 0 });
    expect((await publishes(subscriber, 1)).map(({ topic }) => topic)).toEqual(["e"]);
    await subscriber.ping();
  });

  it("carry the flag to those who were there only where they ask for it", async () => {
    const fixture = await startAdapter();
    const subscriber = await fixture.client({ clientId: "subscriber" });
    await subscribe(subscriber, "plain", {});
    await subscribe(subscriber, "published", { rap: true });
    const publisher = await fixture.client();
    await retain(publisher, "plain");
    await retain(publisher, "published");
    const got = await publishes(subscriber, 2);
    expect(got.map(({ topic, retain: flag }) => [topic, flag])).toEqual([
      ["plain", false],
      ["published", true],
    ]);
  });

  it("end with an empty message, and with their time, which goes on while they wait", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock });
    const publisher = await fixture.client();
    await retain(publisher, "brief", { properties: { messageExpiryInterval: 60 } });
    await retain(publisher, "gone");
    await retain(publisher, "gone", { body: "" });
    clock.advance(20_000);
    const first = await fixture.client({ clientId: "first" });
    await subscribe(first, "#");
    const [packet] = await publishes(first, 1);
    expect([packet?.topic, packet?.properties?.messageExpiryInterval]).toEqual(["brief", 40]);
    clock.advance(40_000);
    const second = await fixture.client({ clientId: "second" });
    await subscribe(second, "#");
    await second.ping();
  });

  it("are refused where there are too many", async () => {
    const fixture = await startAdapter({ limits: { retainedMessagesMax: 1 } });
    const publisher = await fixture.client();
    expect(await retain(publisher, "a")).toBeLessThan(0x80);
    expect(await retain(publisher, "b")).toBe(0x97);
    expect(await retain(publisher, "a", { body: "" })).toBeLessThan(0x80);
    expect(await retain(publisher, "b")).toBeLessThan(0x80);
  });

  it("survive what they were acknowledged for", async () => {
    const disk = new TestDisk();
    const first = await disk.start();
    const publisher = await first.client();
    const body = randomBytes(3000).toString("hex");
    await retain(publisher, "a/b", { body, properties: { contentType: "text/plain" } });
    await retain(publisher, "twice", { qos: 1 });
    await retain(publisher, "twice", { body: "" });
    await disk.crash(first);
    const second = await disk.start();
    const subscriber = await second.client({ clientId: "subscriber" });
    await subscribe(subscriber, "#", { qos: 1 });
    const [packet] = await publishes(subscriber, 1);
    expect(packet?.payload.toString()).toBe(body);
    expect(packet?.properties?.contentType).toBe("text/plain");
    await subscriber.ping();
  });

  it("are no business of other protocols", async () => {
    const fixture = await startAdapter();
    const core = fixture.core();
    const channel = core.openChannel({
      deliver() {},
      returned() {},
      cancelled() {},
      failed() {},
      confirm() {},
      refuse() {},
    });
    const native = testFormat.fromProperties({ headers: [["x-mqtt-retain", { kind: "boolean", value: true }]] });
    const bytes = Buffer.concat([native, Buffer.from("x")]);
    const route = channel.route("amq.topic", "a.b");
    const end = bytes.length;
    channel.publish(route, new Message(route, testFormat, bytes, 0, native.length, native.length, end), false);
    await until(() => fixture.broker.totals.published === 1);
    const subscriber = await fixture.client();
    await subscribe(subscriber, "#");
    await subscriber.ping();
  });
});

describe("$SYS/#", () => {
  it("tells how the broker is, at once and again", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock, systemTopicsIntervalMs: 1000 });
    const client = await fixture.client();
    await subscribe(client, "$SYS/broker/clients/connected");
    const [packet] = await publishes(client, 1);
    expect([packet?.payload.toString(), packet?.retain]).toEqual(["1", true]);
    clock.advance(1000);
    const [known] = await publishes(client, 1);
    expect([known?.payload.toString(), known?.retain]).toEqual(["1", false]);
    await fixture.client({ clientId: "another" });
    clock.advance(1000);
    const [changed] = await publishes(client, 1);
    expect(changed?.payload.toString()).toBe("2");
    clock.advance(1000);
    await client.ping();
  });
});
