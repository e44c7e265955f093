import { copyBytes, emptyFieldTable, type Message, type Outbox, withField } from "@jackalope/core/adapter";
import { frameEndByte, frameHeaderBytes, frameOverheadBytes, frameTypes } from "./codec.ts";
import { amqpFormat, encodeAddress } from "./mapping.ts";
import { basicDeliver } from "./methods/basic.ts";
import { fitContentHeader } from "./content-header-fit.ts";
import { encodeProperties } from "./property-codec.ts";

/**
 * Deliveries are three frames whose bytes are mostly known before: the consumer's template, the route's address, and
 * the native properties and body as the publisher sent them.
 *
 *     |1|ch|size| 60 60 |consumer tag|  delivery tag, redelivered  |exchange, key|CE|   method
 *     |2|ch|size| 60 0 |body size|  flags, properties  |CE|                             header
 *     |3|ch|size| body |CE| …                                                           body
 */

/** Delivery tag and redelivered bit. */
const tagBytes = 9;
/** Class, weight and body size before the flags of a content header. */
const headerPrefixBytes = 12;
const uint32Range = 0x1_0000_0000;

/** The beginning of every basic.deliver to one consumer: frame header with the size left open, ids, consumer tag. */
export function deliveryTemplate(channelNumber: number, consumerTag: string): Buffer {
  const tag = Buffer.from(consumerTag);
  const template = Buffer.alloc(12 + tag.length);
  template[0] = frameTypes.method;
  template.writeUInt16BE(channelNumber, 1);
  template.writeUInt16BE(basicDeliver.classId, 7);
  template.writeUInt16BE(basicDeliver.methodId, 9);
  template[11] = tag.length;
  template.set(tag, 12);
  return template;
}

/** The message's exchange and routing key as they stand on the wire, made once a route. */
function addressOf(message: Message): Uint8Array {
  const route = message.route;
  return (route.wire ??= encodeAddress(route.exchange, route.routingKey));
}

/** True where the message's own properties fit into a content header. */
export function fitsContentHeader(message: Message, payloadBytesMax: number): boolean {
  return message.nativeEnd - message.nativeStart + headerPrefixBytes <= payloadBytesMax;
}

/**
 * The properties of a message from another protocol, or with the number of its failed deliveries in a header, as far as
 * they fit into a frame.
 */
export function nativeForDelivery(message: Message, deliveryCount: number, payloadBytesMax: number): Uint8Array {
  const native = deliveryCount === 0 ? message.as(amqpFormat) : withDeliveryCount(message, deliveryCount);
  return fitContentHeader(native, payloadBytesMax - headerPrefixBytes);
}

function withDeliveryCount(message: Message, deliveryCount: number): Uint8Array {
  const properties = message.properties;
  const headers = withField(properties.headers ?? emptyFieldTable, "x-delivery-count", {
    kind: "int64",
    value: BigInt(deliveryCount),
  });
  return encodeProperties({ ...properties, headers });
}

/** Writes type, channel and payload size; returns where the payload begins. */
function writeFrameHeader(target: Buffer, at: number, type: number, channelNumber: number, size: number): number {
  target[at] = type;
  target[at + 1] = channelNumber >>> 8;
  target[at + 2] = channelNumber;
  target[at + 3] = size >>> 24;
  target[at + 4] = size >>> 16;
  target[at + 5] = size >>> 8;
  target[at + 6] = size;
  return at + frameHeaderBytes;
}

/** Writes the content header up to the flags; returns where they begin. */
function writeHeaderPrefix(target: Buffer, at: number, channelNumber: number, size: number, bodyBytes: number): number {
  const start = writeFrameHeader(target, at, frameTypes.header, channelNumber, size);
  target[start] = 0;
  target[start + 1] = 60;
  target[start + 2] = 0;
  target[start + 3] = 0;
  target[start + 4] = 0;
  target[start + 5] = 0;
  target[start + 6] = 0;
  target[start + 7] = 0;
  target[start + 8] = bodyBytes >>> 24;
  target[start + 9] = bodyBytes >>> 16;
  target[start + 10] = bodyBytes >>> 8;
  target[start + 11] = bodyBytes;
  return start + headerPrefixBytes;
}

/**
 * Writes a delivery whose properties are the bytes `native[nativeStart, nativeEnd)`.
 *
 * @param payloadBytesMax largest payload of one frame: what was negotiated less the overhead
 */
export function writeDelivery(
  outbox: Outbox,
  channelNumber: number,
  template: Uint8Array,
  message: Message,
  native: Uint8Array,
  nativeStart: number,
  nativeEnd: number,
  deliveryTag: number,
  redelivered: boolean,
  payloadBytesMax: number,
): void {
  const address = addressOf(message);
  const nativeBytes = nativeEnd - nativeStart;
  const bodyStart = message.bodyStart;
  const bodyEnd = message.bodyEnd;
  const bodyBytes = bodyEnd - bodyStart;
  const inOneFrame = bodyBytes <= payloadBytesMax;
  outbox.reserve(
    template.length +
      tagBytes +
      address.length +
      headerPrefixBytes +
      nativeBytes +
      frameHeaderBytes +
      2 +
      (inOneFrame ? bodyBytes + frameOverheadBytes : 0),
  );
  const target = outbox.buffer;
  const start = outbox.position;
  let at = copyBytes(template, 0, template.length, target, start);
  const high = deliveryTag < uint32Range ? 0 : Math.floor(deliveryTag / uint32Range);
  target[at] = high >>> 24;
  target[at + 1] = high >>> 16;
  target[at + 2] = high >>> 8;
  target[at + 3] = high;
  // Bitwise operators take a number modulo 2^32, which is what is wanted here.
  target[at + 4] = deliveryTag >>> 24;
  target[at + 5] = deliveryTag >>> 16;
  target[at + 6] = deliveryTag >>> 8;
  target[at + 7] = deliveryTag;
  target[at + 8] = redelivered ? 1 : 0;
  at = copyBytes(address, 0, address.length, target, at + tagBytes);
  const methodBytes = at - start - frameHeaderBytes;
  target[start + 5] = methodBytes >>> 8;
  target[start + 6] = methodBytes;
  target[at++] = frameEndByte;
  if (inOneFrame && native === message.bytes && bodyStart === nativeEnd + frameOverheadBytes && !message.owned) {
    outbox.position = copyFrames(message, target, at, channelNumber);
    return;
  }
  at = writeHeaderPrefix(target, at, channelNumber, headerPrefixBytes + nativeBytes, bodyBytes);
  at = copyBytes(native, nativeStart, nativeEnd, target, at);
  target[at++] = frameEndByte;
  if (inOneFrame && bodyBytes > 0) {
    at = writeFrameHeader(target, at, frameTypes.body, channelNumber, bodyBytes);
    at = copyBytes(message.bytes, bodyStart, bodyEnd, target, at);
    target[at++] = frameEndByte;
  }
  outbox.position = at;
  if (!inOneFrame) writeBodyFrames(outbox, channelNumber, message, payloadBytesMax);
}

/**
 * A message that still lies in the chunk that brought it, with one body frame right behind its content header, has the
 * very frames that are wanted, but for the channel. Returns the end.
 */
function copyFrames(message: Message, target: Buffer, at: number, channelNumber: number): number {
  const start = message.nativeStart - headerPrefixBytes - frameHeaderBytes;
  const end = copyBytes(message.bytes, start, message.bodyEnd + 1, target, at);
  const bodyFrame = at + message.nativeEnd + 1 - start;
  target[at + 1] = target[bodyFrame + 1] = channelNumber >>> 8;
  target[at + 2] = target[bodyFrame + 2] = channelNumber;
  return end;
}

/** Content header and body behind a method that was just written: basic.return and basic.get-ok. */
export function writeContent(
  outbox: Outbox,
  channelNumber: number,
  native: Uint8Array,
  message: Message,
  payloadBytesMax: number,
): void {
  outbox.reserve(headerPrefixBytes + native.length + frameOverheadBytes);
  const target = outbox.buffer;
  const size = headerPrefixBytes + native.length;
  let at = writeHeaderPrefix(target, outbox.position, channelNumber, size, message.bodyBytes);
  at = copyBytes(native, 0, native.length, target, at);
  target[at] = frameEndByte;
  outbox.position = at + 1;
  writeBodyFrames(outbox, channelNumber, message, payloadBytesMax);
}

function writeBodyFrames(outbox: Outbox, channelNumber: number, message: Message, payloadBytesMax: number): void {
  const bodyEnd = message.bodyEnd;
  for (let from = message.bodyStart; from < bodyEnd; from += payloadBytesMax) {
    const to = Math.min(from + payloadBytesMax, bodyEnd);
    outbox.reserve(to - from + frameOverheadBytes);
    const target = outbox.buffer;
    let at = writeFrameHeader(target, outbox.position, frameTypes.body, channelNumber, to - from);
    at = copyBytes(message.bytes, from, to, target, at);
    target[at] = frameEndByte;
    outbox.position = at + 1;
  }
}
