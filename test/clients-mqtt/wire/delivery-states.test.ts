import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  connectFlags as flags,
  type ConnectParts,
  connectPacket,
  packet,
  packetTypes as types,
  pingreq,
  properties,
  property,
  propertyIds as ids,
  publishPacket,
  subscribePacket,
} from "../../harness/mqtt-wire.ts";
import { type MqttTarget, startMqttTarget } from "../../harness/mqtt-target.ts";
import { RawMqttConnection } from "../../harness/raw-mqtt-connection.ts";
import { freshName } from "../../harness/target.ts";
import { octet } from "../../harness/wire.ts";

let target: MqttTarget;
beforeAll(async () => {
  target = await startMqttTarget();
});
afterAll(() => target.close());

const { puback, pubrec, pubrel, pubcomp } = types;

/** CONNECT of a session that outlives its connection. */
function kept(version: number, clientId: string, ...list: readonly Buffer[]): ConnectParts {
  const parts = { version, clientId, flags: flags.name | flags.password };
  return version === 5 ? { ...parts, properties: [property.long(ids.sessionExpiry, 600), ...list] } : parts;
}

/** Ends the session itself. */
async function forget(version: number, clientId: string): Promise<void> {
  await RawMqttConnection.open(target, { version, clientId });
}

describe.each([3, 4, 5] as const)("in protocol level %i", (version) => {
  const clientIdFor = (purpose: string): string => freshName(purpose).slice(5, 28);

  async function publisherOf(): Promise<RawMqttConnection> {
    return RawMqttConnection.open(target, { version, clientId: clientIdFor("p") });
  }

  /** Publishes with QoS 1, and waits until the broker has it. */
  async function publish(publisher: RawMqttConnection, topic: string, ...bodies: readonly string[]): Promise<void> {
    for (const [index, body] of bodies.entries()) {
      publisher.send(publishPacket({ version, topic, qos: 1, packetId: index + 1, body }));
      expect((await publisher.nextAcknowledgement(puback))[0]).toBe(index + 1);
    }
  }

  test("[MQTT-4.3.3-10] a QoS 2 publish that comes again before its PUBREL is one message, and one after it another", async () => {
    const topic = freshName("twice");
    const subscriber = await RawMqttConnection.open(target, { version, clientId: clientIdFor("s") });
    await subscriber.subscribe(topic, 0);
    const publisher = await publisherOf();
    const parts = { version, topic, qos: 2, packetId: 77 };
    publisher.send(publishPacket({ ...parts, body: "first" }));
    expect((await publisher.nextAcknowledgement(pubrec))[0]).toBe(77);
    publisher.send(publishPacket({ ...parts, body: "first", dup: true }));
    expect((await publisher.nextAcknowledgement(pubrec))[0]).toBe(77);
    publisher.acknowledge(pubrel, 77);
    expect(await publisher.nextAcknowledgement(pubcomp)).toEqual([77, 0]);
    publisher.send(publishPacket({ ...parts, body: "second" }));
    expect((await publisher.nextAcknowledgement(pubrec))[0]).toBe(77);
    publisher.acknowledge(pubrel, 77);
    expect((await subscriber.nextPublish()).text).toBe("first");
    expect((await subscriber.nextPublish()).text).toBe("second");
    await subscriber.expectSilence();
  });

  test("[MQTT-4.3.3-12] PUBREL for what is not known is answered by PUBCOMP", async () => {
    const connection = await publisherOf();
    connection.acknowledge(pubrel, 4711);
    expect(await connection.nextAcknowledgement(pubcomp)).toEqual([4711, version === 5 ? 0x92 : 0]);
  });

  test("a QoS 2 publish is still known after a reconnection", async () => {
    const [topic, clientId] = [freshName("known"), clientIdFor("k")];
    const subscriber = await RawMqttConnection.open(target, { version, clientId: clientIdFor("s") });
    await subscriber.subscribe(topic, 0);
    const first = await RawMqttConnection.open(target, kept(version, clientId));
    first.send(publishPacket({ version, topic, qos: 2, packetId: 5, body: "once" }));
    await first.next(pubrec);
    first.socket.destroy();
    const second = await RawMqttConnection.open(target, kept(version, clientId));
    expect(second.sessionPresent).toBe(version !== 3);
    second.send(publishPacket({ version, topic, qos: 2, packetId: 5, body: "once", dup: true }));
    await second.next(pubrec);
    second.acknowledge(pubrel, 5);
    expect(await second.nextAcknowledgement(pubcomp)).toEqual([5, 0]);
    expect((await subscriber.nextPublish()).text).toBe("once");
    await subscriber.expectSilence();
    await forget(version, clientId);
  });

  test("[MQTT-4.4.0-1] unacknowledged QoS 1 comes again after a reconnection: DUP, its identifier, in order", async () => {
    const [topic, clientId] = [freshName("again"), clientIdFor("a")];
    const first = await RawMqttConnection.open(target, kept(version, clientId));
    await first.subscribe(topic, 1);
    await publish(await publisherOf(), topic, "one", "two", "three");
    const sent = [await first.nextPublish(), await first.nextPublish(), await first.nextPublish()];
    expect(sent.map(({ text, qos, dup }) => [text, qos, dup])).toEqual([
      ["one", 1, false],
      ["two", 1, false],
      ["three", 1, false],
    ]);
    first.acknowledge(puback, sent[1]?.packetId ?? 0);
    await first.expectSilence();
    first.socket.destroy();
    const second = await RawMqttConnection.open(target, kept(version, clientId));
    const again = [await second.nextPublish(), await second.nextPublish()];
    expect(again.map(({ text, dup, packetId }) => [text, dup, packetId])).toEqual([
      ["one", true, sent[0]?.packetId],
      ["three", true, sent[2]?.packetId],
    ]);
    for (const { packetId } of again) second.acknowledge(puback, packetId);
    await second.expectSilence();
    second.socket.destroy();
    const third = await RawMqttConnection.open(target, kept(version, clientId));
    await third.expectSilence();
    await forget(version, clientId);
  });

  test("QoS 2 to a client goes on where it stopped: PUBLISH before PUBREC, PUBREL after it", async () => {
    const [topic, clientId] = [freshName("steps"), clientIdFor("q")];
    const first = await RawMqttConnection.open(target, kept(version, clientId));
    await first.subscribe(topic, 2);
    const publisher = await publisherOf();
    publisher.send(publishPacket({ version, topic, qos: 2, packetId: 1, body: "exactly once" }));
    await publisher.next(pubrec);
    publisher.acknowledge(pubrel, 1);
    const { packetId, qos, dup } = await first.nextPublish();
    expect([qos, dup]).toEqual([2, false]);
    first.socket.destroy();
    const second = await RawMqttConnection.open(target, kept(version, clientId));
    const again = await second.nextPublish();
    expect([again.packetId, again.dup, again.text]).toEqual([packetId, true, "exactly once"]);
    second.acknowledge(pubrec, packetId);
    expect((await second.nextAcknowledgement(pubrel))[0]).toBe(packetId);
    second.socket.destroy();
    const third = await RawMqttConnection.open(target, kept(version, clientId));
    // [MQTT-4.4.0-1] PUBREL again, and never the message.
    expect((await third.nextAcknowledgement(pubrel))[0]).toBe(packetId);
    third.acknowledge(pubcomp, packetId);
    await third.expectSilence();
    third.socket.destroy();
    const fourth = await RawMqttConnection.open(target, kept(version, clientId));
    await fourth.expectSilence();
    await forget(version, clientId);
  });

  test("acknowledgements for what is not in flight disturb nothing", async () => {
    const connection = await publisherOf();
    connection.acknowledge(puback, 99);
    connection.acknowledge(pubcomp, 99);
    await connection.expectSilence();
    connection.acknowledge(pubrec, 99);
    // Version 5 answers PUBREC by PUBREL with "not found"; older ones by PUBREL or not at all.
    if (version === 5) expect(await connection.nextAcknowledgement(pubrel)).toEqual([99, 0x92]);
    else {
      connection.send(pingreq);
      const next = await connection.nextOf(pubrel, types.pingresp);
      if (next.type === pubrel) await connection.next(types.pingresp);
    }
  });

  test("[MQTT-4.6.0-2] acknowledgements come in the order of the publishes", async () => {
    const topic = freshName("order");
    const publisher = await publisherOf();
    const order = [5, 3, 9, 1, 7];
    publisher.send(...order.map((packetId) => publishPacket({ version, topic, qos: 1, packetId })));
    for (const packetId of order) expect((await publisher.nextAcknowledgement(puback))[0]).toBe(packetId);
    publisher.send(...order.map((packetId) => publishPacket({ version, topic, qos: 2, packetId })));
    for (const packetId of order) expect((await publisher.nextAcknowledgement(pubrec))[0]).toBe(packetId);
    publisher.send(...order.map((packetId) => packet(pubrel, 2, Buffer.from([0, packetId]))));
    for (const packetId of order) expect((await publisher.nextAcknowledgement(pubcomp))[0]).toBe(packetId);
  });

  test("a stream of packets that arrives byte by byte is the same stream", async () => {
    const topic = freshName("bytes");
    const connection = await publisherOf();
    const stream = Buffer.concat([
      subscribePacket(1, [[topic, 1]], version),
      publishPacket({ version, topic, qos: 1, packetId: 2, body: "x".repeat(200) }),
      pingreq,
    ]);
    for (const byte of stream) connection.socket.write(octet(byte));
    const answers = [await connection.next(types.suback)];
    const expected = [types.publish, puback, types.pingresp];
    for (const _ of expected) answers.push(await connection.nextOf(...expected));
    expect(answers.map(({ type }) => type).sort((one, other) => one - other)).toEqual([
      types.publish,
      puback,
      types.suback,
      types.pingresp,
    ]);
  });

  test("[MQTT-3.1.4-3] whoever connects with the same identifier takes over, and the other is told in version 5", async () => {
    const clientId = clientIdFor("t");
    const first = await RawMqttConnection.open(target, { version, clientId });
    await RawMqttConnection.open(target, { version, clientId });
    await first.expectDisconnect(0x8e);
  });
});

describe("receive maximum", () => {
  test("[MQTT-3.3.4-9] no more than so many unacknowledged deliveries are on their way, QoS 0 aside", async () => {
    const topic = freshName("window");
    const subscriber = await RawMqttConnection.open(target, { properties: [property.short(ids.receiveMaximum, 3)] });
    await subscriber.subscribe(topic, 2);
    const publisher = await RawMqttConnection.open(target);
    for (let index = 1; index <= 6; index++) {
      publisher.send(publishPacket({ topic, qos: 1, packetId: index, body: String(index) }));
      await publisher.next(puback);
    }
    const held = [await subscriber.nextPublish(), await subscriber.nextPublish(), await subscriber.nextPublish()];
    await subscriber.expectSilence();
    subscriber.acknowledge(puback, held[0]?.packetId ?? 0);
    const fourth = await subscriber.nextPublish();
    await subscriber.expectSilence();
    for (const { packetId } of [...held.slice(1), fourth]) subscriber.acknowledge(puback, packetId);
    expect([fourth.text, (await subscriber.nextPublish()).text, (await subscriber.nextPublish()).text]).toEqual([
      "4",
      "5",
      "6",
    ]);
    await subscriber.expectSilence();
  });

  test("[MQTT-3.3.4-7] a publisher beyond the broker's is disconnected with 0x93", async () => {
    const connection = await RawMqttConnection.connect(target);
    connection.send(connectPacket());
    const { body } = await connection.next(types.connack);
    const at = body.indexOf(ids.receiveMaximum, 3);
    expect(at, "a receive maximum in CONNACK").toBeGreaterThan(0);
    const receiveMaximum = body.readUInt16BE(at + 1);
    // QoS 2 without PUBREL: none of them is over.
    const packets = Array.from({ length: receiveMaximum + 1 }, (_, index) => {
      return publishPacket({ topic: "w", qos: 2, packetId: index + 1 });
    });
    connection.send(...packets);
    const said = await connection.untilEnd();
    const last = said.at(-1);
    expect([last?.type, last?.body[0]]).toEqual([types.disconnect, 0x93]);
    expect(said.filter(({ type }) => type === pubrec).length).toBeLessThanOrEqual(receiveMaximum);
  });
});

test("[4.7] subscription identifiers, response topic and user properties are the publisher's bytes", async () => {
  const topic = freshName("verbatim");
  const subscriber = await RawMqttConnection.open(target);
  await subscriber.subscribe(topic, 1, [property.varint(ids.subscriptionId, 300)]);
  const pairs = [
    ["b", "2"],
    ["a", ""],
    ["b", "1"],
  ].map(([name = "", value = ""]) => property.pair(ids.userProperty, name, value));
  const publisher = await RawMqttConnection.open(target);
  publisher.send(publishPacket({ topic, qos: 1, properties: [property.text(ids.responseTopic, "r/ü"), ...pairs] }));
  const { properties: list } = await subscriber.nextPublish();
  const text = list.toString("latin1");
  expect(text).toContain(Buffer.concat(pairs).toString("latin1"));
  expect(text).toContain(property.text(ids.responseTopic, "r/ü").toString("latin1"));
  expect(text).toContain(property.varint(ids.subscriptionId, 300).toString("latin1"));
});

test("DISCONNECT with reason 0 and properties ends the connection without a word, as does one without a reason", async () => {
  for (const bytes of [
    packet(types.disconnect, 0),
    packet(types.disconnect, 0, octet(0)),
    packet(types.disconnect, 0, octet(0), properties(property.text(ids.reasonString, "bye"))),
  ]) {
    const connection = await RawMqttConnection.open(target);
    connection.send(bytes);
    await connection.expectEnd();
  }
});
