import { type CorpusPacket, id7, none } from "./corpus-packet.ts";
import { join, type Part, packet, properties, text } from "./packet-builder.ts";

const malformed = 0x81;
const protocolError = 0x82;

function publish(flags: number, ...parts: readonly Part[]): Buffer {
  return packet(0x30 | flags, ...parts);
}

/** PUBLISH. */
export const publishCorpus: readonly CorpusPacket[] = [
  { name: "PUBLISH of QoS 0", version: 4, bytes: publish(0, "a/b", Buffer.from("body")) },
  { name: "PUBLISH of QoS 0 without a body", version: 3, bytes: publish(1, "a/b") },
  { name: "PUBLISH of QoS 1", version: 4, bytes: publish(2, "a/b", id7, Buffer.from("body")) },
  {
    name: "PUBLISH of QoS 2, repeated, retained",
    version: 5,
    bytes: publish(0x0d, "a/b", id7, none, Buffer.from("body")),
  },
  { name: "PUBLISH of 20,000 bytes", version: 5, bytes: publish(0, "a", none, Buffer.alloc(20_000, 0x61)) },
  { name: "PUBLISH 3.1 of QoS 0 with DUP", version: 3, bytes: publish(8, "a") },
  {
    name: "PUBLISH 3.1.1 with a remaining length of bytes too many",
    version: 4,
    bytes: join(0x30, 0x83, 0x80, 0, "a"),
  },
  {
    name: "PUBLISH with every property",
    version: 5,
    bytes: publish(
      0,
      "a",
      properties(
        ...[0x01, 1, 0x02, Buffer.of(0, 0, 0, 60), 0x23, Buffer.of(0, 3), 0x08, "reply/é", 0x09, "id", 0x03, "text"],
        ...[0x26, "n", "1", 0x26, "n", "2"],
      ),
      Buffer.from("body"),
    ),
  },
  { name: "PUBLISH with an alias and no topic", version: 5, bytes: publish(0, "", properties(0x23, 0, 3)) },
  { name: "PUBLISH with both QoS bits", version: 4, bytes: publish(6, "a", id7), refused: [malformed, "MQTT-3.3.1-4"] },
  {
    name: "PUBLISH of QoS 0 with DUP",
    version: 4,
    bytes: publish(8, "a"),
    refused: [malformed, "MQTT-3.3.1-2"],
    parser: "accepts",
  },
  {
    name: "PUBLISH with packet identifier 0",
    version: 4,
    bytes: publish(2, "a", 0, 0),
    refused: [protocolError, "MQTT-2.2.1-3"],
    parser: "accepts",
  },
  {
    name: "PUBLISH without a packet identifier",
    version: 4,
    bytes: publish(2, "a"),
    refused: [malformed, "3.3.2"],
    parser: "accepts",
  },
  {
    name: "PUBLISH with half a packet identifier",
    version: 5,
    bytes: publish(2, "a", 1),
    refused: [malformed, "3.3.2"],
  },
  { name: "PUBLISH of nothing", version: 4, bytes: publish(0), refused: [malformed, "MQTT-3.3.2-1"] },
  { name: "PUBLISH with half a topic length", version: 4, bytes: publish(0, 0), refused: [malformed, "MQTT-3.3.2-1"] },
  {
    name: "PUBLISH with half a topic",
    version: 4,
    bytes: publish(0, 0, 3, 0x61),
    refused: [malformed, "MQTT-3.3.2-1"],
  },
  {
    name: "PUBLISH 5 without properties",
    version: 5,
    bytes: publish(0, "a"),
    refused: [malformed, "1.5.5"],
    parser: "accepts",
  },
  {
    name: "PUBLISH with properties beyond its end",
    version: 5,
    bytes: publish(0, "a", 9, 1, 1),
    refused: [malformed, "2.2.2.1"],
  },
  {
    name: "PUBLISH with a property length of five bytes",
    version: 5,
    bytes: publish(0, "a", 0x80, 0x80, 0x80, 0x80, 0),
    refused: [malformed, "1.5.5"],
  },
  {
    name: "PUBLISH with a property length of bytes too many",
    version: 5,
    bytes: publish(0, "a", 0x80, 0),
    refused: [malformed, "MQTT-1.5.5-1"],
    parser: "accepts",
  },
  {
    name: "PUBLISH 5 with a remaining length of bytes too many",
    version: 5,
    bytes: join(0x30, 0x84, 0, "a", none),
    refused: [malformed, "MQTT-1.5.5-1"],
    parser: "accepts",
  },
  {
    name: "PUBLISH with a remaining length of five bytes",
    version: 4,
    bytes: join(0x30, 0x83, 0x80, 0x80, 0x80, 0, "a"),
    refused: [malformed, "1.5.5"],
  },
];

/** PUBACK, PUBREC, PUBREL, PUBCOMP. */
export const acknowledgementCorpus: readonly CorpusPacket[] = [
  { name: "PUBACK 3.1.1", version: 4, bytes: packet(0x40, id7) },
  { name: "PUBREC 3.1", version: 3, bytes: packet(0x50, id7) },
  { name: "PUBREL 3.1.1", version: 4, bytes: packet(0x62, id7) },
  { name: "PUBCOMP 5", version: 5, bytes: packet(0x70, id7) },
  { name: "PUBACK 5 with a reason", version: 5, bytes: packet(0x40, id7, 0x10) },
  {
    name: "PUBREC 5 with properties",
    version: 5,
    bytes: packet(0x50, id7, 0x87, properties(0x1f, "no", 0x26, "a", "b", 0x26, "a", "b")),
  },
  { name: "PUBCOMP 5 with a reason", version: 5, bytes: packet(0x70, id7, 0x92, none) },
  {
    name: "PUBREL 3.1 with DUP",
    version: 3,
    bytes: packet(0x6a, id7),
    parser: "refuses",
    clause: "MQTT 3.1, 2.1: repeated PUBREL has DUP",
  },
  { name: "PUBREL 3.1.1 with DUP", version: 4, bytes: packet(0x6a, id7), refused: [malformed, "MQTT-2.1.3-1"] },
  { name: "PUBREL with wrong flags", version: 5, bytes: packet(0x60, id7), refused: [malformed, "MQTT-2.1.3-1"] },
  { name: "PUBACK with flags", version: 4, bytes: packet(0x41, id7), refused: [malformed, "MQTT-2.1.3-1"] },
  {
    name: "PUBACK with packet identifier 0",
    version: 4,
    bytes: packet(0x40, 0, 0),
    refused: [protocolError, "MQTT-2.2.1-3"],
    parser: "accepts",
  },
  {
    name: "PUBACK without a packet identifier",
    version: 4,
    bytes: packet(0x40, 1),
    refused: [malformed, "3.4.2"],
    parser: "accepts",
  },
  {
    name: "PUBACK 3.1.1 with bytes too many",
    version: 4,
    bytes: packet(0x40, id7, 0),
    refused: [malformed, "MQTT 3.1.1 3.4.1"],
    parser: "accepts",
  },
  {
    name: "PUBACK with a reason of PUBREL",
    version: 5,
    bytes: packet(0x40, id7, 0x92),
    refused: [protocolError, "MQTT-3.4.2-1"],
  },
  {
    name: "PUBREL with a reason of PUBACK",
    version: 5,
    bytes: packet(0x62, id7, 0x10),
    refused: [protocolError, "MQTT-3.6.2-1"],
  },
  {
    name: "PUBACK with two reason strings",
    version: 5,
    bytes: packet(0x40, id7, 0, properties(0x1f, "a", 0x1f, "b")),
    refused: [protocolError, "2.2.2.2"],
    parser: "accepts",
  },
  {
    name: "PUBACK with bytes behind its properties",
    version: 5,
    bytes: packet(0x40, id7, 0, none, 0),
    refused: [malformed, "3.4.2.2"],
    parser: "accepts",
  },
  {
    name: "PUBACK with a reason string that is no text",
    version: 5,
    bytes: packet(0x40, id7, 0, properties(0x1f, text(Buffer.of(0xf5)))),
    refused: [malformed, "MQTT-1.5.4-1"],
    parser: "accepts",
  },
];
