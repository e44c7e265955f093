import type { FieldTable, Properties } from "@jackalope/core/adapter";
import { syntaxError } from "./amqp-error.ts";
import { decodeFieldTable } from "./field-table.ts";
import { fieldTableBytes, writeFieldTable } from "./field-table-writer.ts";

/**
 * The basic properties as they stand in a content header behind the body size: two bytes of flags, highest bit first
 * property, then the properties that are present (AMQP 0-9-1, 4.2.6.1).
 */
export const propertyFlags = {
  contentType: 0x8000,
  contentEncoding: 0x4000,
  headers: 0x2000,
  deliveryMode: 0x1000,
  priority: 0x0800,
  correlationId: 0x0400,
  replyTo: 0x0200,
  expiration: 0x0100,
  messageId: 0x0080,
  timestamp: 0x0040,
  type: 0x0020,
  userId: 0x0010,
  appId: 0x0008,
  clusterId: 0x0004,
  /** More flag words follow. Basic has fourteen properties, so nobody sends one. */
  continued: 0x0001,
} as const;

/** Short strings in wire order with what is before, between and behind them. */
const leading = ["contentType", "contentEncoding"] as const;
const middle = ["correlationId", "replyTo", "expiration", "messageId"] as const;
const trailing = ["type", "userId", "appId", "clusterId"] as const;
type ShortStringName = (typeof leading | typeof middle | typeof trailing)[number];

const shortStringBytesMax = 255;

class Reader {
  readonly bytes: Buffer;
  readonly flags: number;
  position = 2;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.flags = bytes.length >= 2 ? bytes.readUInt16BE(0) : 0;
  }

  has(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }

  advance(count: number): number {
    const at = this.position;
    this.position += count;
    if (this.position > this.bytes.length) throw syntaxError("content properties are cut short");
    return at;
  }

  shortStrings(names: readonly ShortStringName[], into: Properties): void {
    for (const name of names) {
      if (!this.has(propertyFlags[name])) continue;
      const length = this.bytes[this.advance(1)] as number;
      const at = this.advance(length);
      into[name] = this.bytes.toString("utf8", at, at + length);
    }
  }
}

/** Decodes native properties. Throws 502 SYNTAX_ERROR where they are not sound. */
export function decodeProperties(native: Uint8Array): Properties {
  const bytes = Buffer.from(native.buffer, native.byteOffset, native.byteLength);
  const reader = new Reader(bytes);
  const properties: Properties = {};
  reader.shortStrings(leading, properties);
  if (reader.has(propertyFlags.headers)) {
    const at = reader.advance(4);
    properties.headers = decodeFieldTable(bytes, at, bytes.length);
    reader.advance(bytes.readUInt32BE(at));
  }
  if (reader.has(propertyFlags.deliveryMode)) properties.deliveryMode = bytes[reader.advance(1)] as number;
  if (reader.has(propertyFlags.priority)) properties.priority = bytes[reader.advance(1)] as number;
  reader.shortStrings(middle, properties);
  if (reader.has(propertyFlags.timestamp)) properties.timestamp = bytes.readBigUInt64BE(reader.advance(8));
  reader.shortStrings(trailing, properties);
  return properties;
}

/** A short string holds 255 bytes. Longer text from MQTT or STOMP moves to a header, as RabbitMQ's conversion does. */
const headerOfLongText = { correlationId: "x-correlation-id", messageId: "x-message-id" } as const;

/** The parts that are ready to be written: short strings as bytes, and the headers with what did not fit. */
class Prepared {
  readonly texts = new Map<ShortStringName, Buffer>();
  readonly properties: Properties;
  headers: FieldTable | undefined;
  flags = 0;
  size = 2;

  constructor(properties: Properties) {
    this.properties = properties;
    this.headers = properties.headers;
    for (const name of [...leading, ...middle, ...trailing]) this.#prepareText(name, properties[name]);
    if (this.headers !== undefined) this.#count(propertyFlags.headers, fieldTableBytes(this.headers));
    if (properties.deliveryMode !== undefined) this.#count(propertyFlags.deliveryMode, 1);
    if (properties.priority !== undefined) this.#count(propertyFlags.priority, 1);
    if (properties.timestamp !== undefined) this.#count(propertyFlags.timestamp, 8);
  }

  #count(flag: number, size: number): void {
    this.flags |= flag;
    this.size += size;
  }

  #prepareText(name: ShortStringName, text: string | undefined): void {
    if (text === undefined) return;
    const bytes = Buffer.from(text);
    if (bytes.length <= shortStringBytesMax) {
      this.texts.set(name, bytes);
      this.#count(propertyFlags[name], 1 + bytes.length);
    } else if (name === "correlationId" || name === "messageId") {
      this.headers = [...(this.headers ?? []), [headerOfLongText[name], { kind: "string", value: text }]];
    }
  }

  writeTexts(names: readonly ShortStringName[], target: Buffer, at: number): number {
    let position = at;
    for (const name of names) {
      const text = this.texts.get(name);
      if (text === undefined) continue;
      target[position] = text.length;
      target.set(text, position + 1);
      position += 1 + text.length;
    }
    return position;
  }
}

/** Encodes properties into native bytes. Text beyond 255 bytes moves to a header (identifiers) or is left out. */
export function encodeProperties(properties: Properties): Buffer {
  const prepared = new Prepared(properties);
  const target = Buffer.allocUnsafe(prepared.size);
  target.writeUInt16BE(prepared.flags, 0);
  let at = prepared.writeTexts(leading, target, 2);
  if (prepared.headers !== undefined) at = writeFieldTable(prepared.headers, target, at);
  if (properties.deliveryMode !== undefined) target[at++] = properties.deliveryMode;
  if (properties.priority !== undefined) target[at++] = properties.priority;
  at = prepared.writeTexts(middle, target, at);
  if (properties.timestamp !== undefined) at = target.writeBigUInt64BE(properties.timestamp, at);
  prepared.writeTexts(trailing, target, at);
  return target;
}
