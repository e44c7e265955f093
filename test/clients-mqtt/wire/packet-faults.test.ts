import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  connectPacket,
  packet,
  packetTypes as types,
  prefixed,
  properties,
  property,
  propertyIds as ids,
  publishPacket,
  subscribePacket,
  unsubscribePacket,
  varint,
} from "../../harness/mqtt-wire.ts";
import { type MqttTarget, startMqttTarget } from "../../harness/mqtt-target.ts";
import { RawMqttConnection } from "../../harness/raw-mqtt-connection.ts";
import { octet, short } from "../../harness/wire.ts";

let target: MqttTarget;
beforeAll(async () => {
  target = await startMqttTarget();
});
afterAll(() => target.close());

type Fault = readonly [clause: string, what: string, bytes: Buffer, ...codes: readonly number[]];

const malformed = 0x81;
const protocolError = 0x82;
const none = properties();

/** Faults that every version has; `version` gives them its form. Codes are those of version 5. */
function commonFaults(version: 3 | 4 | 5): readonly Fault[] {
  const list = version === 5 ? none : Buffer.alloc(0);
  const publish = (parts: Parameters<typeof publishPacket>[0]): Buffer => publishPacket({ version, ...parts });
  return [
    ["MQTT-3.1.0-2", "a second CONNECT", connectPacket({ version, clientId: "second" }), protocolError],
    ["MQTT-3.3.1-4", "PUBLISH with QoS 3", publish({ qos: 3 }), malformed],
    ["MQTT-3.3.1-2", "PUBLISH with DUP and QoS 0", publish({ dup: true }), malformed, protocolError],
    ["MQTT-2.2.1-2", "PUBLISH with packet identifier 0", publish({ qos: 1, packetId: 0 }), malformed, protocolError],
    ["MQTT-3.3.2-2", "PUBLISH to a topic with #", publish({ topic: "a/#" }), 0x90],
    ["MQTT-3.3.2-2", "PUBLISH to a topic with +", publish({ topic: "a/+/b", qos: 1 }), 0x90],
    ["MQTT-1.5.4-2", "PUBLISH to a topic with NUL", publish({ topic: "a\0b" }), malformed, 0x90],
    ["MQTT-1.5.4-1", "PUBLISH to a topic that is not UTF-8", publish({ topic: Buffer.from([0xc3, 0x28]) }), malformed],
    [
      "3.3.2.1",
      "PUBLISH that is shorter than its topic",
      packet(types.publish, 0, short(9), Buffer.from("abc")),
      malformed,
    ],
    ["3.3.2", "PUBLISH without its packet identifier", packet(types.publish, 2, prefixed("a")), malformed],
    ["MQTT-3.6.1-1", "PUBREL with other flags than 2", packet(types.pubrel, 0, short(1)), malformed],
    ["MQTT-2.1.3-1", "PUBACK with flags", packet(types.puback, 2, short(1)), malformed],
    ["3.4.2", "PUBACK of one byte", packet(types.puback, 0, octet(1)), malformed],
    [
      "MQTT-3.8.1-1",
      "SUBSCRIBE with other flags than 2",
      packet(types.subscribe, 0, short(1), list, prefixed("a"), octet(0)),
      malformed,
    ],
    [
      "MQTT-3.8.3-2",
      "SUBSCRIBE without a filter",
      packet(types.subscribe, 2, short(1), list),
      protocolError,
      malformed,
    ],
    ["MQTT-3.8.3-4", "SUBSCRIBE with QoS 3", subscribePacket(1, [["a", 3]], version), protocolError, malformed],
    [
      "MQTT-3.8.3-5",
      "SUBSCRIBE with reserved option bits",
      subscribePacket(1, [["a", 0x80]], version),
      malformed,
      protocolError,
    ],
    [
      "MQTT-2.2.1-3",
      "SUBSCRIBE with packet identifier 0",
      subscribePacket(0, [["a", 0]], version),
      malformed,
      protocolError,
    ],
    ["3.8.3", "SUBSCRIBE without options", packet(types.subscribe, 2, short(1), list, prefixed("a")), malformed],
    [
      "MQTT-3.10.1-1",
      "UNSUBSCRIBE with other flags than 2",
      packet(types.unsubscribe, 0, short(1), list, prefixed("a")),
      malformed,
    ],
    [
      "MQTT-3.10.3-2",
      "UNSUBSCRIBE without a filter",
      packet(types.unsubscribe, 2, short(1), list),
      protocolError,
      malformed,
    ],
    [
      "MQTT-2.2.1-3",
      "UNSUBSCRIBE with packet identifier 0",
      unsubscribePacket(0, ["a"], version),
      malformed,
      protocolError,
    ],
    ["MQTT-2.1.3-1", "PINGREQ with flags", packet(types.pingreq, 1), malformed],
    ["3.12", "PINGREQ with a body", packet(types.pingreq, 0, octet(0)), malformed],
    ["MQTT-3.14.1-1", "DISCONNECT with flags", packet(types.disconnect, 1), malformed],
    ["2.1.2", "type 0", packet(0, 0), malformed, protocolError],
    ["MQTT-3.2.0-1", "CONNACK from a client", packet(types.connack, 0, short(0), list), protocolError, malformed],
    ["3.9", "SUBACK from a client", packet(types.suback, 0, short(1), list, octet(0)), protocolError, malformed],
    ["3.11", "UNSUBACK from a client", packet(types.unsuback, 0, short(1), list, octet(0)), protocolError, malformed],
    ["3.13", "PINGRESP from a client", packet(types.pingresp, 0), protocolError, malformed],
    ["MQTT-1.5.5-1", "a remaining length of five bytes", Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 1]), malformed],
  ];
}

const inPublish = (...list: readonly Buffer[]): Buffer => publishPacket({ topic: "a", properties: list });
const inSubscribe = (filter: string, options: number, ...list: readonly Buffer[]): Buffer =>
  subscribePacket(1, [[filter, options]], 5, list);

const faultsOf5: readonly Fault[] = [
  ["MQTT-3.3.2-8", "topic alias 0", inPublish(property.short(ids.topicAlias, 0)), 0x94],
  ["MQTT-3.3.2-9", "a topic alias beyond the maximum", inPublish(property.short(ids.topicAlias, 65_535)), 0x94],
  [
    "3.3.2.3.4",
    "a topic alias that stands for nothing",
    publishPacket({ topic: "", properties: [property.short(ids.topicAlias, 1)] }),
    protocolError,
    0x94,
  ],
  ["MQTT-4.7.3-1", "no topic and no alias", publishPacket({ topic: "" }), protocolError, 0x90, malformed],
  [
    "MQTT-3.3.4-6",
    "a subscription identifier from a client",
    inPublish(property.varint(ids.subscriptionId, 1)),
    protocolError,
    malformed,
  ],
  [
    "MQTT-3.3.2-14",
    "a wildcard in the response topic",
    inPublish(property.text(ids.responseTopic, "a/#")),
    protocolError,
    0x90,
    malformed,
  ],
  ["3.3.2.3.2", "payload format 2", inPublish(property.byte(ids.payloadFormat, 2)), malformed, protocolError],
  ["3.3.2.3.3", "message expiry twice", inPublish(property.long(2, 1), property.long(2, 1)), protocolError],
  ["3.3.2.3.9", "content type twice", inPublish(property.text(3, "a"), property.text(3, "b")), protocolError],
  ["3.3.2.3.4", "topic alias twice", inPublish(property.short(35, 1), property.short(35, 1)), protocolError],
  [
    "2.2.2.2",
    "a property of another packet",
    inPublish(property.short(ids.receiveMaximum, 1)),
    malformed,
    protocolError,
  ],
  ["2.2.2.2", "a property that does not exist", inPublish(property.byte(0x7f, 1)), malformed, protocolError],
  ["MQTT-3.3.2-19", "a content type that is not UTF-8", inPublish(property.text(3, Buffer.from([0xff]))), malformed],
  ["2.2.2.1", "properties that are cut short", inPublish(Buffer.from([ids.contentType, 0, 5, 0x61])), malformed],
  ["MQTT-3.8.3-4", "no-local for a shared subscription", inSubscribe("$share/g/a", 4), protocolError],
  ["3.8.3.1", "retain handling 3", inSubscribe("a", 0x30), protocolError],
  [
    "3.8.2.1.2",
    "subscription identifier 0",
    inSubscribe("a", 0, property.varint(ids.subscriptionId, 0)),
    protocolError,
  ],
  [
    "3.8.2.1.2",
    "two subscription identifiers",
    inSubscribe("a", 0, property.varint(11, 1), property.varint(11, 2)),
    protocolError,
  ],
  [
    "MQTT-3.14.2-2",
    "session expiry in DISCONNECT after 0",
    packet(types.disconnect, 0, octet(0), properties(property.long(17, 5))),
    protocolError,
  ],
  ["4.12", "AUTH without a method in CONNECT", packet(types.auth, 0, octet(0x18), none), protocolError],
];

/** Bits that version 3.1 leaves open ("not used"), so that it is no fault to set them. */
const openIn3 = new Set(["PUBLISH with DUP and QoS 0", "SUBSCRIBE with reserved option bits"]);

function named([clause, what, bytes, ...codes]: Fault) {
  return { clause, what, bytes, codes };
}

/** What has to go through, before and after. */
async function openAndCheck(version: number): Promise<RawMqttConnection> {
  const connection = await RawMqttConnection.open(target, { version, clientId: version === 3 ? "c" : "" });
  await connection.expectSilence();
  return connection;
}

describe.each([3, 4] as const)("protocol level %i closes the connection at", (version) => {
  const faults = commonFaults(version).filter(([, what]) => version !== 3 || !openIn3.has(what));
  test.each(faults.map(named))("[$clause] $what", async ({ bytes }) => {
    const connection = await openAndCheck(version);
    connection.send(bytes);
    await connection.expectEnd();
  });

  test("AUTH, which it does not have", async () => {
    const connection = await openAndCheck(version);
    connection.send(packet(types.auth, 0));
    await connection.expectEnd();
  });
});

describe("version 5 says by which code it disconnects at", () => {
  test.each([...commonFaults(5), ...faultsOf5].map(named))("[$clause] $what", async ({ bytes, codes }) => {
    const connection = await openAndCheck(5);
    connection.send(bytes);
    await connection.expectDisconnect(...codes);
  });

  test("[3.1.2.11.4] a packet that is larger than the server told", async () => {
    const connection = await RawMqttConnection.connect(target);
    connection.send(connectPacket());
    const { body } = await connection.next(types.connack);
    const at = body.indexOf(ids.maximumPacketSize, 3);
    expect(at, "a maximum packet size in CONNACK").toBeGreaterThan(0);
    // The length alone is enough.
    connection.send(octet(types.publish << 4), varint(body.readUInt32BE(at + 1) + 1), octet(0));
    await connection.expectDisconnect(0x95);
  });
});

describe("a filter that is none is refused for itself, and the connection lives:", () => {
  const filters = ["a/#/b", "a#", "#a", "a/b#", "a+", "+a/b", "a/+b/c", ""];
  test.each(filters)("[MQTT-4.7.1-1] '%s'", async (filter) => {
    const connection = await openAndCheck(5);
    connection.send(
      subscribePacket(7, [
        ["good", 1],
        [filter, 1],
      ]),
    );
    const { body } = await connection.next(types.suback);
    expect([...body.subarray(-2)]).toEqual([1, 0x8f]);
    await connection.expectSilence();
    const old = await openAndCheck(4);
    old.send(
      subscribePacket(
        7,
        [
          ["good", 1],
          [filter, 1],
        ],
        4,
      ),
    );
    expect([...(await old.next(types.suback)).body]).toEqual([0, 7, 1, 0x80]);
    await old.expectSilence();
  });

  test.each(["$share/", "$share/g", "$share//a", "$share/g/", "$share/g+/a", "$share/#/a"])(
    "[MQTT-4.8.2-2] '%s'",
    async (filter) => {
      const connection = await openAndCheck(5);
      expect(await connection.subscribe(filter)).toEqual([0x8f]);
      await connection.expectSilence();
    },
  );
});

describe("[MQTT-3.3.2-7] a body that is not the UTF-8 it says it is:", () => {
  const parts = { topic: "a", properties: [property.byte(ids.payloadFormat, 1)], body: Buffer.from([0xc3, 0x28]) };

  test.each([
    [1, types.puback],
    [2, types.pubrec],
  ])("0x99 in the acknowledgement of QoS %i", async (qos, type) => {
    const connection = await openAndCheck(5);
    connection.send(publishPacket({ ...parts, qos, packetId: 9 }));
    expect(await connection.nextAcknowledgement(type)).toEqual([9, 0x99]);
    await connection.expectSilence();
  });

  test("0x99 in DISCONNECT for QoS 0", async () => {
    const connection = await openAndCheck(5);
    connection.send(publishPacket(parts));
    await connection.expectDisconnect(0x99);
  });
});

test("[3.1.2.11.7] reason strings come, and do not come where the client does not want them", async () => {
  const wanting = await openAndCheck(5);
  wanting.send(publishPacket({ qos: 3 }));
  const [told] = (await wanting.untilEnd()).filter(({ type }) => type === types.disconnect);
  expect(told?.body.includes(ids.reasonString, 2)).toBe(true);
  const modest = await RawMqttConnection.open(target, { properties: [property.byte(ids.requestProblem, 0)] });
  expect(await modest.subscribe("a/#/b")).toEqual([0x8f]);
  // SUBACK has carried no properties: their length, before the code, is 0.
  expect(modest.packets.at(-1)?.body[2]).toBe(0);
});
