import {
  type Clock,
  copyBytes,
  type Message,
  type Outbox,
  type Route,
  topicBytesMax,
  topicOfKey,
} from "@jackalope/core/adapter";
import { conversion, exactTopicEnd, expiryPlace, isNative } from "./native-properties.ts";
import { propertyIds } from "./property-ids.ts";
import { OutgoingAliases } from "./topic-aliases.ts";
import { variableByteIntegerBytes, writeVariableByteInteger } from "./variable-byte-integer.ts";

const publishBits = 0x30;
const dupBit = 8;
/** Identifier and value. */
const aliasPropertyBytes = 3;

/**
 * Writes PUBLISH to one client. Most of it is bytes that are there before: the route's topic, the properties as their
 * sender wrote them, the body.
 *
 *     | 0x3N | length | topic | packet id | properties length | alias, subscription ids | native properties | body |
 */
export class DeliveryWriter {
  readonly #outbox: Outbox;
  readonly #clock: Clock;
  readonly #hasProperties: boolean;
  readonly #packetBytesMax: number;
  readonly #aliases: OutgoingAliases | null;

  constructor(outbox: Outbox, clock: Clock, hasProperties: boolean, packetBytesMax: number, topicAliasMaximum: number) {
    this.#outbox = outbox;
    this.#clock = clock;
    this.#hasProperties = hasProperties;
    this.#packetBytesMax = packetBytesMax;
    this.#aliases = hasProperties && topicAliasMaximum > 0 ? new OutgoingAliases(topicAliasMaximum) : null;
  }

  /** True where packets may leave as they came: no topic is an alias. */
  get copiesPackets(): boolean {
    return this.#aliases === null;
  }

  /** Writes a packet as it stands; false where the client does not take its size. */
  copy(packet: Uint8Array): boolean {
    const { length } = packet;
    if (length > this.#packetBytesMax) return false;
    const outbox = this.#outbox;
    outbox.reserve(length);
    outbox.buffer.set(packet, outbox.position);
    outbox.position += length;
    return true;
  }

  /**
   * Writes a message; false where the packet would be larger than the client takes, or its topic than any packet holds. `identifiers` are subscription
   * identifiers as properties. The packet id is 0 for QoS 0.
   */
  write(
    message: Message,
    qos: 0 | 1 | 2,
    retain: boolean,
    dup: boolean,
    packetId: number,
    identifiers: Uint8Array | null,
  ): boolean {
    const { route, bytes, nativeEnd } = message;
    const first = publishBits | (dup ? dupBit : 0) | (qos << 1) | (retain ? 1 : 0);
    const wire = route.topicWire ?? topicWireOf(route);
    if (wire === null) return false;
    let topic: Uint8Array = wire;
    let topicStart = 0;
    let topicEnd = topic.length;
    let { nativeStart } = message;
    if (isNative(message)) {
      const exactEnd = exactTopicEnd(bytes, nativeStart, nativeEnd);
      if (exactEnd !== nativeStart) {
        topic = bytes;
        topicStart = nativeStart + 1;
        topicEnd = nativeStart = exactEnd;
      }
    } else if (this.#hasProperties) {
      const native = conversion.of(message);
      return this.#writeFull(message, first, packetId, topic, 0, topicEnd, native, 0, native.length, identifiers);
    }
    return this.#hasProperties
      ? this.#writeFull(
          message,
          first,
          packetId,
          topic,
          topicStart,
          topicEnd,
          bytes,
          nativeStart,
          nativeEnd,
          identifiers,
        )
      : this.#writeBare(message, first, packetId, topic, topicStart, topicEnd);
  }

  /** A packet of MQTT 5. */
  #writeFull(
    message: Message,
    first: number,
    packetId: number,
    topic: Uint8Array,
    topicStart: number,
    topicEnd: number,
    native: Buffer,
    nativeStart: number,
    nativeEnd: number,
    identifiers: Uint8Array | null,
  ): boolean {
    const { bodyStart, bodyEnd } = message;
    const otherBytes = (packetId === 0 ? 0 : 2) + bodyEnd - bodyStart;
    let topicBytes = topicEnd - topicStart;
    let propertiesBytes = nativeEnd - nativeStart + (identifiers === null ? 0 : identifiers.length);
    let alias = 0;
    // A topic that stands in the message gets none: a route from the store may have several of them.
    if (this.#aliases !== null && topic !== native) {
      alias = this.#aliasFor(message.route, topicBytes, propertiesBytes, otherBytes);
      if (alias !== 0) propertiesBytes += aliasPropertyBytes;
      if (alias > 0) topicBytes = 2;
    }
    const remaining = remainingLength(topicBytes, propertiesBytes, otherBytes);
    if (packetBytes(remaining) > this.#packetBytesMax) return false;
    const outbox = this.#outbox;
    outbox.reserve(packetBytes(remaining));
    const { buffer } = outbox;
    let at = outbox.position;
    buffer[at] = first;
    at = writeVariableByteInteger(buffer, at + 1, remaining);
    at = alias > 0 ? writeTwoBytes(buffer, at, 0) : copyBytes(topic, topicStart, topicEnd, buffer, at);
    if (packetId !== 0) at = writeTwoBytes(buffer, at, packetId);
    at = writeVariableByteInteger(buffer, at, propertiesBytes);
    if (alias !== 0) {
      buffer[at] = propertyIds.topicAlias;
      at = writeTwoBytes(buffer, at + 1, Math.abs(alias));
    }
    if (identifiers !== null) at = copyBytes(identifiers, 0, identifiers.length, buffer, at);
    if (nativeEnd > nativeStart) {
      const nativeAt = at;
      at = copyBytes(native, nativeStart, nativeEnd, buffer, at);
      if (message.expirationMs >= 0 && message.publishedAtMs !== 0) this.#writeRemaining(message, buffer, nativeAt, at);
    }
    outbox.position = copyBytes(message.bytes, bodyStart, bodyEnd, buffer, at);
    return true;
  }

  /** A packet of MQTT 3.1 or 3.1.1. */
  #writeBare(
    message: Message,
    first: number,
    packetId: number,
    topic: Uint8Array,
    topicStart: number,
    topicEnd: number,
  ): boolean {
    const { bodyStart, bodyEnd } = message;
    const remaining = topicEnd - topicStart + (packetId === 0 ? 0 : 2) + bodyEnd - bodyStart;
    if (packetBytes(remaining) > this.#packetBytesMax) return false;
    const outbox = this.#outbox;
    outbox.reserve(packetBytes(remaining));
    const { buffer } = outbox;
    let at = outbox.position;
    buffer[at] = first;
    at = writeVariableByteInteger(buffer, at + 1, remaining);
    at = copyBytes(topic, topicStart, topicEnd, buffer, at);
    if (packetId !== 0) at = writeTwoBytes(buffer, at, packetId);
    outbox.position = copyBytes(message.bytes, bodyStart, bodyEnd, buffer, at);
    return true;
  }

  /**
   * The alias that the packet gets: one that stands for the topic, one below 0 where it is new and the topic has to stand
   * beside it, 0 for none.
   */
  #aliasFor(route: Route, topicBytes: number, propertiesBytes: number, otherBytes: number): number {
    const aliases = this.#aliases as OutgoingAliases;
    const known = aliases.find(route);
    if (known !== 0) return known;
    const remaining = remainingLength(topicBytes, propertiesBytes + aliasPropertyBytes, otherBytes);
    // The client must get the packet that sets the alias.
    return packetBytes(remaining) > this.#packetBytesMax ? 0 : -aliases.assign(route);
  }

  /** [MQTT-3.3.2-6] the message has waited: its expiry interval is what is left of it, in whole seconds. */
  #writeRemaining(message: Message, buffer: Buffer, start: number, end: number): void {
    const place = expiryPlace(buffer, start, end);
    if (place < 0) return;
    const remainingMs = message.publishedAtMs + message.expirationMs - this.#clock.nowMs();
    buffer.writeUInt32BE(Math.max(0, Math.ceil(remainingMs / 1000)), place);
  }
}

/** The remaining length of a packet of MQTT 5; `otherBytes` are packet id and body. */
function remainingLength(topicBytes: number, propertiesBytes: number, otherBytes: number): number {
  return topicBytes + variableByteIntegerBytes(propertiesBytes) + propertiesBytes + otherBytes;
}

/** The size of a packet with this remaining length. */
function packetBytes(remaining: number): number {
  return 1 + variableByteIntegerBytes(remaining) + remaining;
}

function writeTwoBytes(buffer: Buffer, at: number, value: number): number {
  buffer[at] = value >>> 8;
  buffer[at + 1] = value;
  return at + 2;
}

/**
 * The topic as it stands in PUBLISH, with its length. Made once a route. Null where it is too long: a key grows where it
 * has what no topic name may hold.
 */
function topicWireOf(route: Route): Uint8Array | null {
  const text = route.topic ?? topicOfKey(route.routingKey);
  const bytes = Buffer.byteLength(text);
  if (bytes > topicBytesMax) return null;
  const wire = Buffer.allocUnsafe(2 + bytes);
  wire.writeUInt16BE(bytes, 0);
  wire.write(text, 2);
  route.topicWire = wire;
  return wire;
}
