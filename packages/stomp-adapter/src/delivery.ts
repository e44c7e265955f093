import { copyBytes, LastConversion, type Message, type Outbox } from "@jackalope/core/adapter";
import { formatDestination } from "./destination.ts";
import { escapeText, unescapeText, escapeName } from "./escaping.ts";
import { encodeHeaders } from "./header-properties.ts";
import { stompFormat } from "./mapping.ts";
import { frameEndBytes } from "./frame-writer.ts";
import type { Version } from "./version.ts";

/**
 * A MESSAGE is mostly bytes that are known before: the subscription's prefix, the route's destination, native headers
 * and body as the publisher sent them. Only the numbers are made for each.
 *
 *     MESSAGE⏎redelivered:false⏎subscription:0⏎message-id:session-x@1@ 17      prefix, tag
 *     ⏎ack:1@ 17 ⏎destination:/queue/q⏎                                          ack, tag, destination
 *     native headers  content-length: 100 ⏎⏎ body NUL ⏎
 */
export interface DeliveryPrefix {
  readonly first: Buffer;
  readonly redelivered: Buffer;
  /** Between message-id and destination; null where nothing is acknowledged. */
  readonly ack: Buffer | null;
  readonly version: Version;
}

const lengthName = Buffer.from("content-length:");
const countName = "x-delivery-count:";
/** Digits of a tag or a length at most. */
const digitsMax = 16;
const lineFeed = 0x0a;
const backslash = 0x5c;
const digitZero = 0x30;
const shortNumber = 1e9;

/**
 * The constant parts of one subscription's frames. `id` is its id as it stands in a header of `version`, null where the
 * client gave none; `ackPrefix` is what an acknowledgement names before the tag.
 */
export function deliveryPrefix(
  version: Version,
  id: string | null,
  messageIdPrefix: string,
  ackPrefix: string | null,
): DeliveryPrefix {
  const subscription = id === null ? "" : `subscription:${escapeText(id, version)}\n`;
  const prefix = (redelivered: boolean): Buffer =>
    Buffer.from(`MESSAGE\nredelivered:${redelivered}\n${subscription}message-id:${messageIdPrefix}`);
  return {
    first: prefix(false),
    redelivered: prefix(true),
    ack: ackPrefix === null ? null : Buffer.from(`\nack:${ackPrefix}`),
    version,
  };
}

function writeDigits(target: Buffer, at: number, value: number): number {
  if (value >= shortNumber) return at + target.write(String(value), at, "latin1");
  let digits = 1;
  for (let limit = 10; value >= limit; limit *= 10) digits++;
  let rest = value;
  for (let place = at + digits - 1; place >= at; place--) {
    const next = (rest / 10) | 0;
    target[place] = digitZero + rest - next * 10;
    rest = next;
  }
  return at + digits;
}

/** The destination header of the message between its line ends, made once a route. */
function destinationOf(message: Message, version: Version): Uint8Array {
  const route = message.route;
  const wire = (route.destination ??= encodeDestination(message, "1.2"));
  return version === "1.0" && wire.includes(backslash) ? encodeDestination(message, version) : wire;
}

function encodeDestination(message: Message, version: Version): Buffer {
  const { exchange, routingKey } = message.route;
  return Buffer.from(`\ndestination:${escapeText(formatDestination(exchange, routingKey), version)}\n`);
}

/** The headers of messages that other protocols sent. */
const conversion = new LastConversion(encodeHeaders);

/** Native headers rewritten for a client whose version has other escapes than 1.2. */
function nativeFor(version: Version, native: Buffer): Buffer {
  let text = "";
  for (const line of native.toString("latin1").split("\n")) {
    if (line === "") continue;
    const bytes = Buffer.from(line, "latin1");
    const nameEnd = bytes.indexOf(0x3a);
    const name = escapeName(unescapeText(bytes, 0, nameEnd, "1.2"), version);
    text += `${name}:${escapeText(unescapeText(bytes, nameEnd + 1, bytes.length, "1.2"), version)}\n`;
  }
  return Buffer.from(text);
}

/** Writes one MESSAGE frame. `deliveryCount` is how often its delivery failed before, 0 for no header. */
export function writeDelivery(
  outbox: Outbox,
  prefix: DeliveryPrefix,
  message: Message,
  deliveryTag: number,
  redelivered: boolean,
  deliveryCount: number,
): void {
  let native: Buffer = message.bytes;
  let nativeStart = message.nativeStart;
  let nativeEnd = message.nativeEnd;
  if (message.format !== stompFormat || deliveryCount !== 0) {
    native = message.format === stompFormat ? Buffer.from(message.native) : conversion.of(message);
    if (deliveryCount !== 0) native = Buffer.concat([native, Buffer.from(`${countName}${deliveryCount}\n`)]);
    nativeStart = 0;
    nativeEnd = native.length;
  }
  if (prefix.version !== "1.2" && nativeEnd > nativeStart && hasBackslash(native, nativeStart, nativeEnd)) {
    native = nativeFor(prefix.version, native.subarray(nativeStart, nativeEnd));
    nativeStart = 0;
    nativeEnd = native.length;
  }
  const start = redelivered ? prefix.redelivered : prefix.first;
  const destination = destinationOf(message, prefix.version);
  const { ack } = prefix;
  const { bodyStart, bodyEnd } = message;
  const bodyBytes = bodyEnd - bodyStart;
  outbox.reserve(
    start.length +
      (ack === null ? 0 : ack.length) +
      destination.length +
      (nativeEnd - nativeStart) +
      lengthName.length +
      bodyBytes +
      3 * digitsMax +
      2 +
      frameEndBytes,
  );
  const target = outbox.buffer;
  copyBytes(start, 0, start.length, target, outbox.position);
  let at = writeDigits(target, outbox.position + start.length, deliveryTag);
  if (ack !== null) {
    copyBytes(ack, 0, ack.length, target, at);
    at = writeDigits(target, at + ack.length, deliveryTag);
  }
  copyBytes(destination, 0, destination.length, target, at);
  at += destination.length;
  if (nativeEnd > nativeStart) {
    copyBytes(native, nativeStart, nativeEnd, target, at);
    at += nativeEnd - nativeStart;
  }
  copyBytes(lengthName, 0, lengthName.length, target, at);
  at = writeDigits(target, at + lengthName.length, bodyBytes);
  target[at] = lineFeed;
  target[at + 1] = lineFeed;
  at += 2;
  copyBytes(message.bytes, bodyStart, bodyEnd, target, at);
  at += bodyBytes;
  target[at] = 0;
  target[at + 1] = lineFeed;
  outbox.position = at + frameEndBytes;
}

function hasBackslash(bytes: Buffer, start: number, end: number): boolean {
  const at = bytes.indexOf(backslash, start);
  return at >= 0 && at < end;
}
