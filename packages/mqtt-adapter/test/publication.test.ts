import { HeldStorage, until } from "@jackalope/testkit";
import { describe, expect, it } from "vitest";
import { type AdapterFixture, startAdapter } from "./adapter-fixture.ts";
import { packet, properties } from "./packet-builder.ts";
import type { PacketOf, RawClient } from "./raw-client.ts";

type Publish = PacketOf<"publish">;

/** Sends PUBLISH. */
function publish(client: RawClient, topic: string, rest: Partial<Publish> = {}): void {
  client.packet({ cmd: "publish", topic, payload: "body", qos: 0, dup: false, retain: false, ...rest });
}

/** The reason code of the next packet, which must have this command; 0 where it says nothing. */
async function reason(client: RawClient, command: "puback" | "pubrec" | "pubcomp" | "disconnect"): Promise<number> {
  return (await client.expect(command)).reasonCode ?? 0;
}

it("leaves the DUP flag of a QoS 0 PUBLISH of MQTT 3.1 with its sender", async () => {
  const fixture = await startAdapter();
  const subscriber = await fixture.client({ clientId: "s", protocolVersion: 4 });
  await subscriber.subscribe("#");
  const client = await fixture.client({ protocolVersion: 3 });
  client.send(packet(0x38, "t", Buffer.from("body")));
  const delivery = await subscriber.expect("publish");
  expect([delivery.topic, delivery.dup, delivery.payload.toString()]).toEqual(["t", false, "body"]);
});

describe.each([3, 4, 5] as const)("PUBLISH of protocol level %i", (protocolVersion) => {
  it("reaches a subscriber of every level as it was sent, and is answered by its QoS", async () => {
    const fixture = await startAdapter();
    const subscribers = await Promise.all(
      ([3, 4, 5] as const).map(async (version) => {
        const client = await fixture.client({ clientId: `s${version}`, protocolVersion: version });
        await client.subscribe({ topic: "a/+", qos: 2 });
        return client;
      }),
    );
    const publisher = await fixture.client({ clientId: "p", protocolVersion });
    publish(publisher, "a/b", { payload: "nought" });
    publish(publisher, "a/b", { qos: 1, messageId: 5, payload: "one" });
    publish(publisher, "a/b", { qos: 2, messageId: 6, payload: "two" });
    expect((await publisher.expect("puback")).messageId).toBe(5);
    expect((await publisher.expect("pubrec")).messageId).toBe(6);
    publisher.packet({ cmd: "pubrel", messageId: 6 });
    expect((await publisher.expect("pubcomp")).messageId).toBe(6);
    for (const subscriber of subscribers) {
      for (const [qos, payload] of ["nought", "one", "two"].entries()) {
        const delivery = await subscriber.expect("publish");
        expect(delivery).toMatchObject({ topic: "a/b", qos, dup: false, retain: false });
        expect(delivery.payload.toString()).toBe(payload);
      }
    }
  });
});

describe("QoS 2", () => {
  it("is published once however often PUBLISH comes before PUBREL", async () => {
    const fixture = await startAdapter();
    const subscriber = await fixture.client({ clientId: "s" });
    await subscriber.subscribe("t");
    const client = await fixture.client();
    publish(client, "t", { qos: 2, messageId: 9, payload: "1" });
    publish(client, "t", { qos: 2, messageId: 9, dup: true, payload: "1" });
    for (let count = 0; count < 2; count++) expect((await client.expect("pubrec")).messageId).toBe(9);
    client.packet({ cmd: "pubrel", messageId: 9 });
    expect(await reason(client, "pubcomp")).toBe(0);
    publish(client, "t", { qos: 2, messageId: 9, payload: "2" });
    await client.expect("pubrec");
    for (const payload of ["1", "2"]) expect((await subscriber.expect("publish")).payload.toString()).toBe(payload);
    await subscriber.ping();
  });

  it("PUBREL for nothing is answered with 0x92", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    client.packet({ cmd: "pubrel", messageId: 77 });
    expect(await reason(client, "pubcomp")).toBe(0x92);
    const old = await fixture.client({ clientId: "old", protocolVersion: 4 });
    old.packet({ cmd: "pubrel", messageId: 77 });
    expect((await old.expect("pubcomp")).messageId).toBe(77);
  });
});

describe("answers", () => {
  it("say 0x10 where nobody subscribes, to version 5", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    publish(client, "nobody", { qos: 1, messageId: 1 });
    publish(client, "nobody", { qos: 2, messageId: 2 });
    expect([await reason(client, "puback"), await reason(client, "pubrec")]).toEqual([0x10, 0x10]);
  });

  it("wait until the message is durable, and keep their order", async () => {
    const storage = new HeldStorage();
    const fixture = await startAdapter({ storage });
    const subscriber = await fixture.client({
      clientId: "s",
      clean: false,
      properties: { sessionExpiryInterval: 100 },
    });
    await subscriber.subscribe({ topic: "t", qos: 1 });
    const client = await fixture.client();
    storage.hold();
    publish(client, "t", { qos: 1, messageId: 1 });
    publish(client, "nobody", { qos: 2, messageId: 2 });
    publish(client, "t", { qos: 1, messageId: 3 });
    await client.ping();
    await until(() => fixture.broker.totals.published === 3);
    storage.commit();
    expect((await client.expect("puback")).messageId).toBe(1);
    expect((await client.expect("pubrec")).messageId).toBe(2);
    expect((await client.expect("puback")).messageId).toBe(3);
  });

  it("wait until the retained message is durable", async () => {
    const storage = new HeldStorage();
    const fixture = await startAdapter({ storage });
    const client = await fixture.client();
    storage.hold();
    publish(client, "state", { qos: 1, messageId: 1, retain: true });
    await client.ping();
    storage.commit();
    expect((await client.expect("puback")).messageId).toBe(1);
  });

  it("are negative where a queue refuses: 0x97, and for older versions the end", async () => {
    const fixture = await startAdapter();
    const core = fixture.core();
    const bound = [
      ["x-max-length", { kind: "int32", value: 0 }],
      ["x-overflow", { kind: "string", value: "reject-publish" }],
    ] as const;
    await core.declareQueue("full", { durable: true, exclusive: false, autoDelete: false, arguments: bound });
    await core.bind({
      source: "amq.topic",
      destination: "full",
      destinationKind: "queue",
      routingKey: "t",
      arguments: [],
    });
    const client = await fixture.client();
    publish(client, "t", { qos: 1, messageId: 1 });
    publish(client, "t", { qos: 2, messageId: 2 });
    publish(client, "u", { qos: 1, messageId: 3 });
    expect([await reason(client, "puback"), await reason(client, "pubrec")]).toEqual([0x97, 0x97]);
    expect(await reason(client, "puback")).toBe(0x10);
    const old = await fixture.client({ clientId: "old", protocolVersion: 4 });
    publish(old, "t", { qos: 1, messageId: 1 });
    await old.end();
  });
});

describe("permissions", () => {
  async function restricted(): Promise<AdapterFixture> {
    const fixture = await startAdapter({ loopbackUsers: [] });
    await fixture.broker.users.setTopicPermissions("guest", "/", "amq.topic", { write: "^open", read: ".*" });
    return fixture;
  }

  it("refuse with 0x87 and the connection lives", async () => {
    const fixture = await restricted();
    const client = await fixture.client();
    publish(client, "closed", { qos: 1, messageId: 1 });
    publish(client, "closed", { qos: 2, messageId: 2 });
    publish(client, "open", { qos: 1, messageId: 3 });
    const refused = await client.expect("puback");
    expect(refused).toMatchObject({ messageId: 1, reasonCode: 0x87 });
    expect(refused.properties?.reasonString).toContain("not allowed");
    expect(await reason(client, "pubrec")).toBe(0x87);
    expect(await reason(client, "puback")).toBe(0x10);
  });

  it("end the connection where the version or the QoS has no answer", async () => {
    const fixture = await restricted();
    const client = await fixture.client();
    publish(client, "closed");
    expect(await reason(client, "disconnect")).toBe(0x87);
    const old = await fixture.client({ clientId: "old", protocolVersion: 4 });
    publish(old, "closed", { qos: 1, messageId: 1 });
    await old.end();
  });

  it("keep $SYS for the broker, and filters of shared subscriptions from being topics", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    publish(client, "$SYS/broker/version", { qos: 1, messageId: 1 });
    expect(await reason(client, "puback")).toBe(0x87);
    client.send(packet(0x30, "$share/g/t", properties(), Buffer.from("body")));
    expect(await reason(client, "disconnect")).toBe(0x90);
  });
});

describe("the receive maximum of the broker", () => {
  it("is enforced with 0x93, counting QoS 2 until PUBCOMP", async () => {
    const fixture = await startAdapter({ limits: { receiveMaximum: 2 } });
    const client = await fixture.client();
    for (const messageId of [1, 2]) publish(client, "t", { qos: 2, messageId });
    publish(client, "t", { qos: 2, messageId: 1, dup: true });
    for (let count = 0; count < 3; count++) await client.expect("pubrec");
    client.packet({ cmd: "pubrel", messageId: 1 });
    await client.expect("pubcomp");
    publish(client, "t", { qos: 2, messageId: 3 });
    await client.expect("pubrec");
    publish(client, "t", { qos: 1, messageId: 4 });
    expect(await reason(client, "disconnect")).toBe(0x93);
  });
});

describe("topic aliases of the client", () => {
  it("stand for a topic until they are set anew", async () => {
    const fixture = await startAdapter();
    const subscriber = await fixture.client({ clientId: "s" });
    await subscriber.subscribe("#");
    const client = await fixture.client();
    publish(client, "first", { properties: { topicAlias: 1, userProperties: { k: "v" } } });
    publish(client, "", { properties: { topicAlias: 1, contentType: "x" } });
    publish(client, "second", { properties: { topicAlias: 1 } });
    publish(client, "", { qos: 1, messageId: 1, properties: { topicAlias: 1 } });
    const deliveries = [];
    for (let count = 0; count < 4; count++) deliveries.push(await subscriber.expect("publish"));
    expect(deliveries.map(({ topic }) => topic)).toEqual(["first", "first", "second", "second"]);
    expect(deliveries[0]?.properties).toEqual({ userProperties: { k: "v" } });
    expect(deliveries[1]?.properties).toEqual({ contentType: "x" });
    for (const { properties: given } of deliveries) expect(given?.topicAlias).toBeUndefined();
  });

  it("between other properties are taken out of the message", async () => {
    const fixture = await startAdapter();
    const subscriber = await fixture.client({ clientId: "s" });
    await subscriber.subscribe("#");
    const client = await fixture.client();
    client.send(packet(0x30, "t", properties(0x03, "text", 0x23, 0, 1, 0x26, "k", "v"), Buffer.from("body")));
    const delivery = await subscriber.expect("publish");
    expect(delivery.properties).toEqual({ contentType: "text", userProperties: { k: "v" } });
    expect(delivery.payload.toString()).toBe("body");
  });

  it.each([
    [0x94, "0", [0, 0]],
    [0x94, "one above the maximum", [0, 65]],
    [0x82, "one that was never set", [0, 9]],
  ])("are refused with %i: %s", async (code, _what, alias) => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    client.send(packet(0x30, "", properties(0x23, Uint8Array.from(alias)), Buffer.from("body")));
    expect(await reason(client, "disconnect")).toBe(code);
  });
});

describe("the payload format indicator", () => {
  const broken = Buffer.from([0xc3, 0x28]);

  it("is checked: 0x99 and nothing published", async () => {
    const fixture = await startAdapter();
    const subscriber = await fixture.client({ clientId: "s" });
    await subscriber.subscribe("#");
    const client = await fixture.client();
    const asText = { properties: { payloadFormatIndicator: true } };
    publish(client, "t", { qos: 1, messageId: 1, payload: broken, ...asText });
    publish(client, "t", { qos: 2, messageId: 2, payload: broken, ...asText });
    publish(client, "t", { qos: 1, messageId: 3, payload: "grün", ...asText });
    expect([await reason(client, "puback"), await reason(client, "pubrec")]).toEqual([0x99, 0x99]);
    expect(await reason(client, "puback")).toBe(0);
    publish(client, "t", { payload: broken, ...asText });
    expect(await reason(client, "disconnect")).toBe(0x99);
    const delivery = await subscriber.expect("publish");
    expect([delivery.payload.toString(), delivery.properties]).toEqual(["grün", { payloadFormatIndicator: true }]);
    await subscriber.ping();
  });
});

describe("topics that their key does not tell", () => {
  it.each([4, 5] as const)("arrive as they were sent and match only themselves, level %i", async (protocolVersion) => {
    const fixture = await startAdapter();
    const exact = await fixture.client({ clientId: "exact", protocolVersion });
    await exact.subscribe({ topic: "v1.2/+", qos: 1 });
    const other = await fixture.client({ clientId: "other", protocolVersion });
    await other.subscribe("v1/2/+");
    const client = await fixture.client({ protocolVersion });
    const rest = protocolVersion === 5 ? { properties: { contentType: "x" } } : {};
    publish(client, "v1.2/state", { payload: "0", ...rest });
    publish(client, "v1.2/state", { qos: 1, messageId: 1, payload: "1", ...rest });
    publish(client, "v1/2/state", { payload: "2" });
    await client.expect("puback");
    for (const payload of ["0", "1"]) {
      const delivery = await exact.expect("publish");
      expect(delivery).toMatchObject({ topic: "v1.2/state", ...rest });
      expect(delivery.payload.toString()).toBe(payload);
    }
    expect((await other.expect("publish")).topic).toBe("v1/2/state");
    await exact.ping();
    await other.ping();
  });
});

describe("No Local", () => {
  it("keeps a client's own messages from it, and no others", async () => {
    const fixture = await startAdapter();
    const client = await fixture.client();
    client.packet({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "t", qos: 1, nl: true }] });
    await client.expect("suback");
    publish(client, "t", { payload: "own" });
    publish(client, "t", { qos: 1, messageId: 2, payload: "own" });
    await client.expect("puback");
    const other = await fixture.client({ clientId: "other" });
    publish(other, "t", { payload: "other" });
    expect((await client.expect("publish")).payload.toString()).toBe("other");
    await client.ping();
  });
});

describe("reply topics", () => {
  it("lead to a queue by its name", async () => {
    const fixture = await startAdapter();
    const core = fixture.core();
    await core.declareQueue("an+swers", { durable: true, exclusive: false, autoDelete: false, arguments: [] });
    const client = await fixture.client();
    publish(client, "$reply-to/an%2Bswers", { qos: 1, messageId: 1 });
    expect(await reason(client, "puback")).toBe(0);
    expect(fixture.broker.virtualHosts.get("/")?.queues.get("an+swers")?.readyCount).toBe(1);
  });
});

describe("retained messages", () => {
  it("beyond the bound are refused with 0x97, before anybody gets them", async () => {
    const fixture = await startAdapter({ limits: { retainedMessagesMax: 1 } });
    const subscriber = await fixture.client({ clientId: "s" });
    await subscriber.subscribe("#");
    const client = await fixture.client();
    publish(client, "a", { qos: 1, messageId: 1, retain: true });
    publish(client, "b", { qos: 1, messageId: 2, retain: true });
    expect([await reason(client, "puback"), await reason(client, "puback")]).toEqual([0, 0x97]);
    expect((await subscriber.expect("publish")).topic).toBe("a");
    await subscriber.ping();
  });
});
