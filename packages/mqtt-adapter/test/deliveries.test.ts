import { Message } from "@jackalope/core/adapter";
import { FakeClock, until } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { type AdapterFixture, startAdapter } from "./adapter-fixture.ts";
import type { ConnectOptions, PacketOf, RawClient } from "./raw-client.ts";

type Publish = PacketOf<"publish">;

/** Sends PUBLISH. */
function publish(client: RawClient, topic: string, rest: Partial<Publish> = {}): void {
  client.packet({ cmd: "publish", topic, payload: "body", qos: 0, dup: false, retain: false, ...rest });
}

/** A session that outlives its connection. */
const kept: ConnectOptions = { clientId: "kept", clean: false, properties: { sessionExpiryInterval: 1000 } };

/** A client that publishes `payloads` with QoS `qos`, and is told that they are safe. */
async function publishAll(
  fixture: AdapterFixture,
  topic: string,
  qos: 1 | 2,
  payloads: readonly string[],
): Promise<void> {
  const client = await fixture.client({ clientId: "publisher" });
  for (const [index, payload] of payloads.entries()) publish(client, topic, { qos, messageId: index + 1, payload });
  for (const _ of payloads) await client.expect(qos === 1 ? "puback" : "pubrec");
  client.destroy();
}

function text(delivery: Publish): string {
  return delivery.payload.toString();
}

/** The next deliveries' bodies. */
async function texts(client: RawClient, count: number): Promise<string[]> {
  const found: string[] = [];
  for (let index = 0; index < count; index++) found.push(text(await client.expect("publish")));
  return found;
}

describe("no local", () => {
  it("leaves a client's own messages to its other subscriptions", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    const subscribe = async (topic: string, qos: 0 | 1 | 2, nl: boolean, subscriptionIdentifier: number) => {
      const subscriptions = [{ topic, qos, nl }];
      client.packet({ cmd: "subscribe", messageId: 1, subscriptions, properties: { subscriptionIdentifier } });
      await client.expect("suback");
    };
    await subscribe("a/#", 2, true, 7);
    await subscribe("a/b", 0, false, 8);
    publish(client, "a/other", { qos: 1, messageId: 2 });
    await client.expect("puback");
    publish(client, "a/b", { qos: 1, messageId: 3 });
    const own = await client.expect("publish");
    expect([own.topic, own.qos, own.properties]).toEqual(["a/b", 0, { subscriptionIdentifier: 8 }]);
    await client.expect("puback");
    const another = await fixture.client({ clientId: "another" });
    publish(another, "a/b", { qos: 1, messageId: 1 });
    const delivery = await client.expect("publish");
    expect([delivery.qos, delivery.properties]).toEqual([1, { subscriptionIdentifier: [7, 8] }]);
  });
});

describe("QoS", () => {
  it("is the lower one of message and subscription", async () => {
    const fixture = await startAdapter();
    const subscriber = await fixture.client({ clientId: "s" });
    for (const qos of [0, 1, 2] as const) await subscriber.subscribe({ topic: `granted/${qos}`, qos });
    const client = await fixture.client();
    for (const granted of [0, 1, 2]) {
      for (const qos of [0, 1, 2] as const)
        publish(client, `granted/${granted}`, { qos, messageId: 1 + granted * 3 + qos });
    }
    const found: number[] = [];
    for (let count = 0; count < 9; count++) found.push((await subscriber.expect("publish")).qos);
    expect(found).toEqual([0, 0, 0, 0, 1, 1, 0, 1, 2]);
  });

  it("of messages of other protocols is 1 where they are persistent", async () => {
    const fixture = await startAdapter();
    const subscriber = await fixture.client({ clientId: "s" });
    await subscriber.subscribe({ topic: "a/b", qos: 2 });
    const core = fixture.core();
    const channel = core.openChannel({
      deliver() {},
      returned() {},
      cancelled() {},
      confirm() {},
      refuse() {},
      failed() {},
    });
    const route = channel.route("amq.topic", "a.b");
    for (const persistent of [false, true]) {
      const body = Buffer.from("body");
      const foreign = new Message(route, foreignFormat, body, 0, 0, 0, body.length);
      foreign.persistent = persistent;
      channel.publish(route, foreign, false);
    }
    expect([(await subscriber.expect("publish")).qos, (await subscriber.expect("publish")).qos]).toEqual([0, 1]);
  });

  it("0 for a persistent message leaves nothing behind in the queue", async () => {
    const fixture = await startAdapter();
    const subscriber = await fixture.client({ ...kept });
    await subscriber.subscribe({ topic: "acknowledged", qos: 1 }, { topic: "not", qos: 0 });
    await publishAll(
      fixture,
      "not",
      1,
      Array.from({ length: 50 }, (_, index) => String(index)),
    );
    expect((await texts(subscriber, 50)).at(-1)).toBe("49");
    const queue = fixture.broker.virtualHosts.get("/")?.queues.get("mqtt-subscription-kept");
    await until(() => queue?.unackedCount === 0 && queue.readyCount === 0);
  });
});

const foreignFormat = {
  id: "foreign",
  toProperties: () => ({ contentType: "text/plain", expiration: "60000", headers: [] }),
  fromProperties: () => Buffer.alloc(0),
};

describe("flags and properties", () => {
  it("RETAIN stays where the subscription asks for it", async () => {
    const fixture = await startAdapter();
    const subscriber = await fixture.client({ clientId: "s" });
    subscriber.packet({
      cmd: "subscribe",
      messageId: 1,
      subscriptions: [
        { topic: "as", qos: 1, rap: true },
        { topic: "without", qos: 1, rap: false },
      ],
    });
    await subscriber.expect("suback");
    const client = await fixture.client();
    for (const topic of ["as", "without"]) publish(client, topic, { retain: true });
    publish(client, "as");
    const found: boolean[] = [];
    for (let count = 0; count < 3; count++) found.push((await subscriber.expect("publish")).retain);
    expect(found).toEqual([true, false, false]);
  });

  it("all identifiers of overlapping subscriptions come, and older versions get no properties", async () => {
    const fixture = await startAdapter();
    const subscriber = await fixture.client({ clientId: "s" });
    for (const [topic, id] of [
      ["a/#", 1],
      ["a/+", 268_435_455],
    ] as const) {
      subscriber.packet({
        cmd: "subscribe",
        messageId: 1,
        subscriptions: [{ topic, qos: 0 }],
        properties: { subscriptionIdentifier: id },
      });
      await subscriber.expect("suback");
    }
    const old = await fixture.client({ clientId: "old", protocolVersion: 4 });
    await old.subscribe("a/#");
    const client = await fixture.client();
    const given = { contentType: "x", userProperties: { k: ["1", "2"] }, correlationData: Buffer.from([0, 255]) };
    publish(client, "a/b", { properties: given });
    publish(client, "a/b/c", { qos: 1, messageId: 1, properties: given });
    const both = await subscriber.expect("publish");
    const identifiers = [both.properties?.subscriptionIdentifier ?? []].flat();
    expect(new Set(identifiers)).toEqual(new Set([1, 268_435_455]));
    expect(both.properties).toMatchObject(given);
    expect((await subscriber.expect("publish")).properties).toMatchObject({ ...given, subscriptionIdentifier: 1 });
    for (let count = 0; count < 2; count++) {
      const delivery = await old.expect("publish");
      expect([delivery.properties, text(delivery)]).toEqual([undefined, "body"]);
    }
  });

  it("large bodies arrive whole", async () => {
    const fixture = await startAdapter();
    const subscriber = await fixture.client({ clientId: "s", protocolVersion: 4 });
    await subscriber.subscribe({ topic: "t", qos: 1 });
    const client = await fixture.client();
    const payload = Buffer.alloc(3_000_000, "0123456789");
    publish(client, "t", { payload });
    publish(client, "t", { qos: 1, messageId: 1, payload });
    for (let count = 0; count < 2; count++) {
      expect(payload.equals((await subscriber.expect("publish")).payload as Buffer)).toBe(true);
    }
  });
});

describe("message expiry", () => {
  it("tells the time that is left, rounded up, and messages whose time is up do not come", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock });
    const subscriber = await fixture.client({ ...kept });
    await subscriber.subscribe({ topic: "t", qos: 1 });
    subscriber.destroy();
    await until(() => fixture.adapter.connectionCount === 0);
    const client = await fixture.client();
    for (const [messageId, messageExpiryInterval] of [
      [1, 100],
      [2, 10],
    ] as const) {
      publish(client, "t", { qos: 1, messageId, properties: { messageExpiryInterval, contentType: "x" } });
      await client.expect("puback");
    }
    clock.advance(10_400);
    const again = await fixture.client({ ...kept });
    const delivery = await again.expect("publish");
    expect(delivery.properties).toEqual({ messageExpiryInterval: 90, contentType: "x" });
    again.packet({ cmd: "puback", messageId: delivery.messageId as number });
    await again.ping();
  });
});

describe("the client's maximum packet size", () => {
  it("keeps larger messages from it, as if they had been sent", async () => {
    const fixture = await startAdapter();
    const subscriber = await fixture.client({ clientId: "s", properties: { maximumPacketSize: 100 } });
    await subscriber.subscribe({ topic: "t", qos: 2 });
    const client = await fixture.client();
    for (const [messageId, size] of [500, 10, 94, 92].entries()) {
      for (const qos of [0, 1, 2] as const) {
        publish(client, "t", { qos, messageId: 1 + messageId * 3 + qos, payload: "x".repeat(size) });
      }
    }
    const found: string[] = [];
    for (let count = 0; count < 7; count++) {
      const delivery = await subscriber.expect("publish");
      found.push(`${delivery.qos} ${delivery.payload.length}`);
    }
    // 1 first byte, 1 length, 3 topic, 2 packet identifier, 1 properties length.
    expect(found).toEqual(["0 10", "1 10", "2 10", "0 94", "0 92", "1 92", "2 92"]);
    expect(fixture.broker.totals.dropped.oversized).toBe(5);
    expect(fixture.log.filter((line) => line.includes("larger than the client takes"))).toHaveLength(1);
    const queue = fixture.broker.virtualHosts.get("/")?.queues.get("mqtt-subscription-s");
    await until(() => queue?.unackedCount === 4);
  });
});

describe("topic aliases of the broker", () => {
  it("stand for topics up to the client's maximum", async () => {
    const fixture = await startAdapter();
    const subscriber = await fixture.client({ clientId: "s", properties: { topicAliasMaximum: 1 } });
    await subscriber.subscribe("#");
    const client = await fixture.client();
    for (const topic of ["first", "first", "v1.2", "second", "first"]) publish(client, topic);
    const found: string[] = [];
    for (let count = 0; count < 5; count++) {
      const { topic, properties } = await subscriber.expect("publish");
      found.push(`${topic} ${properties?.topicAlias ?? 0}`);
    }
    expect(found).toEqual(["first 1", " 1", "v1.2 0", "second 1", "first 1"]);
  });
});

describe("the client's receive maximum", () => {
  it("bounds what is under way, counting QoS 2 until PUBCOMP", async () => {
    const fixture = await startAdapter();
    const subscriber = await fixture.client({ clientId: "s", properties: { receiveMaximum: 2 } });
    await subscriber.subscribe({ topic: "t", qos: 2 });
    await publishAll(fixture, "t", 2, ["1", "2", "3", "4"]);
    const [first, second] = [await subscriber.expect("publish"), await subscriber.expect("publish")];
    await subscriber.ping();
    subscriber.packet({ cmd: "pubrec", messageId: first.messageId as number });
    subscriber.packet({ cmd: "pubrec", messageId: second.messageId as number, reasonCode: 0x80 });
    await subscriber.expect("pubrel");
    // A PUBREC with a failure ends the delivery, which makes room.
    const third = await subscriber.expect("publish");
    await subscriber.ping();
    subscriber.packet({ cmd: "pubcomp", messageId: first.messageId as number });
    const fourth = await subscriber.expect("publish");
    expect([first, second, third, fourth].map(text)).toEqual(["1", "2", "3", "4"]);
  });

  it("goes round all packet identifiers, passing over one that the client never acknowledges", async () => {
    const fixture = await startAdapter();
    const subscriber = await fixture.client({ clientId: "s", protocolVersion: 4 });
    await subscriber.subscribe({ topic: "t", qos: 1 });
    const total = 3000;
    await publishAll(
      fixture,
      "t",
      1,
      Array.from({ length: 500 }, (_, index) => String(index)),
    );
    const stuck = (await subscriber.expect("publish")).messageId;
    let got = 1;
    const client = await fixture.client({ protocolVersion: 4 });
    for (let next = 500; next < total; next++) publish(client, "t", { qos: 1, messageId: next, payload: String(next) });
    while (got < total) {
      const delivery = await subscriber.expect("publish");
      expect(delivery.messageId).not.toBe(stuck);
      expect(text(delivery)).toBe(String(got++));
      subscriber.packet({ cmd: "puback", messageId: delivery.messageId as number });
    }
  });
});

describe("after a reconnect", () => {
  it.each([1, 2] as const)("QoS %i comes again under its identifiers, in order and with DUP", async (qos) => {
    const fixture = await startAdapter();
    const subscriber = await fixture.client({ ...kept, properties: { ...kept.properties, receiveMaximum: 4 } });
    await subscriber.subscribe({ topic: "t", qos });
    await publishAll(fixture, "t", qos, ["1", "2", "3", "4", "5", "6"]);
    const before: Publish[] = [];
    for (let count = 0; count < 4; count++) before.push(await subscriber.expect("publish"));
    expect(before.map(({ dup }) => dup)).toEqual([false, false, false, false]);
    subscriber.destroy();
    const again = await fixture.client({ ...kept });
    const after: Publish[] = [];
    for (let count = 0; count < 6; count++) after.push(await again.expect("publish"));
    expect(after.map(text)).toEqual(["1", "2", "3", "4", "5", "6"]);
    expect(after.map(({ dup }) => dup)).toEqual([true, true, true, true, false, false]);
    expect(after.slice(0, 4).map(({ messageId }) => messageId)).toEqual(before.map(({ messageId }) => messageId));
    expect(new Set(after.map(({ messageId }) => messageId)).size).toBe(6);
  });

  it("what is lost of QoS 2 is released, and its identifier not used before", async () => {
    const clock = new FakeClock();
    const fixture = await startAdapter({ clock });
    const subscriber = await fixture.client({ ...kept });
    await subscriber.subscribe({ topic: "t", qos: 2 });
    const client = await fixture.client();
    publish(client, "t", { qos: 2, messageId: 1, properties: { messageExpiryInterval: 5 } });
    const { messageId } = await subscriber.expect("publish");
    subscriber.destroy();
    await until(() => fixture.adapter.connectionCount === 1);
    clock.advance(6000);
    const again = await fixture.client({ ...kept });
    expect((await again.expect("pubrel")).messageId).toBe(messageId);
    again.packet({ cmd: "pubcomp", messageId: messageId as number });
    await again.ping();
    expect(fixture.adapter.connectionCount).toBe(2);
  });
});

describe("acknowledgements out of place", () => {
  it("are taken as the specification says, and do no harm", async () => {
    const fixture = await startAdapter();
    const subscriber = await fixture.client({ clientId: "s" });
    await subscriber.subscribe({ topic: "t", qos: 2 });
    for (const messageId of [1, 9]) {
      subscriber.packet({ cmd: "puback", messageId });
      subscriber.packet({ cmd: "pubcomp", messageId });
    }
    subscriber.packet({ cmd: "pubrec", messageId: 9 });
    expect(await subscriber.expect("pubrel")).toMatchObject({ messageId: 9, reasonCode: 0x92 });
    await publishAll(fixture, "t", 2, ["1"]);
    const { messageId } = await subscriber.expect("publish");
    const id = { messageId: messageId as number };
    // PUBACK does not end QoS 2, and PUBCOMP does not before PUBREL.
    subscriber.packet({ cmd: "puback", ...id });
    subscriber.packet({ cmd: "pubcomp", ...id });
    for (let count = 0; count < 2; count++) {
      subscriber.packet({ cmd: "pubrec", ...id });
      expect((await subscriber.expect("pubrel")).reasonCode ?? 0).toBe(0);
    }
    subscriber.packet({ cmd: "pubcomp", ...id });
    await subscriber.ping();
    const queue = fixture.broker.virtualHosts.get("/")?.queues.get("mqtt-subscription-s");
    expect(queue?.unackedCount).toBe(0);
  });
});

describe("shared subscriptions", () => {
  it("QoS 2 that has left goes to nobody else when the connection ends, and comes again to its session", async () => {
    const fixture = await startAdapter();
    const one = await fixture.client({ ...kept });
    await one.subscribe({ topic: "$share/g/t", qos: 2 });
    await publishAll(fixture, "t", 2, ["1"]);
    const { messageId } = await one.expect("publish");
    const two = await fixture.client({ clientId: "two" });
    await two.subscribe({ topic: "$share/g/t", qos: 2 });
    one.destroy();
    await until(() => fixture.adapter.connectionCount === 1);
    await publishAll(fixture, "t", 2, ["2"]);
    expect(text(await two.expect("publish"))).toBe("2");
    const again = await fixture.client({ ...kept });
    expect(await again.expect("publish")).toMatchObject({ messageId, dup: true });
    again.packet({ cmd: "pubrec", messageId: messageId as number });
    await again.expect("pubrel");
    again.packet({ cmd: "pubcomp", messageId: messageId as number });
    await again.ping();
  });

  it("QoS 1 goes to others", async () => {
    const fixture = await startAdapter();
    const one = await fixture.client({ ...kept });
    await one.subscribe({ topic: "$share/g/t", qos: 1 });
    await publishAll(fixture, "t", 1, ["1"]);
    await one.expect("publish");
    const two = await fixture.client({ clientId: "two" });
    await two.subscribe({ topic: "$share/g/t", qos: 1 });
    one.destroy();
    expect(text(await two.expect("publish"))).toBe("1");
  });
});

describe("a client that does not read", () => {
  it("costs a bounded number of messages of QoS 0, and the others are counted", async () => {
    const limits = { slowQos0MessagesMax: 100 };
    const fixture = await startAdapter({ limits, brokerLimits: { outboxBytesMax: 64 * 1024 } });
    const subscriber = await fixture.client({ clientId: "s" });
    await subscriber.subscribe("t");
    subscriber.pause();
    const client = await fixture.client();
    const payload = Buffer.alloc(1000);
    const { dropped } = fixture.broker.totals;
    while (dropped.overload < 500) {
      for (let count = 0; count < 1000; count++) publish(client, "t", { payload });
      await client.ping();
    }
    const queue = fixture.broker.virtualHosts.get("/")?.queues.get("mqtt-subscription-s");
    expect(queue?.readyCount).toBe(100);
    subscriber.resume();
    await until(() => queue?.readyCount === 0);
    publish(client, "t", { payload: "last" });
    for (let last = ""; last !== "last"; ) last = text(await subscriber.expect("publish"));
  });
});
