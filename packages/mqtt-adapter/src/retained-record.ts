import { type Message, messageFormat } from "@jackalope/core/adapter";
import { MqttFormat, mqttFormat } from "./mapping.ts";
import { exactTopicProperty } from "./private-properties.ts";

/**
 * A retained message as it stands in the storage engine, and in memory:
 *
 *     length of the format's id (1) | id | published at (8) | expires after (8) | length of native (4) | native | body
 *
 * Times are doubles in milliseconds, -1 for a message that does not expire.
 */
export type RetainedRecord = string | Buffer;

/**
 * Up to this many bytes a record is kept as a string of one byte a character: that takes a third of the memory of a
 * Buffer, and leaves no slab that one long-lived message could pin.
 */
const stringBytesMax = 1024;
/** Around id, native and body. */
const fixedBytes = 1 + 8 + 8 + 4;

/** A retained message taken apart. The bytes must not be changed. */
export interface Retained {
  readonly topic: string;
  readonly format: MqttFormat;
  readonly publishedAtMs: number;
  /** -1 where it does not expire. */
  readonly expirationMs: number;
  readonly native: Buffer;
  readonly body: Buffer;
}

/** The record of a message that was published at `publishedAtMs`. The exact topic is left out, as the topic is the key. */
export function encodeRetained(message: Message, publishedAtMs: number): Buffer {
  const format =
    message.format instanceof MqttFormat ? message.format : mqttFormat(message.persistent ? 1 : 0, "retain");
  const native = withoutTopic(message.as(format));
  const id = format.id;
  const record = Buffer.allocUnsafeSlow(fixedBytes + id.length + native.length + message.bodyBytes);
  record[0] = id.length;
  let at = 1 + record.write(id, 1, "latin1");
  at = record.writeDoubleBE(publishedAtMs, at);
  at = record.writeDoubleBE(message.expirationMs, at);
  at = record.writeUInt32BE(native.length, at);
  record.set(native, at);
  message.bytes.copy(record, at + native.length, message.bodyStart, message.bodyEnd);
  return record;
}

/** Bytes of the record that `encodeRetained` would make, at most. */
export function retainedRecordBytes(message: Message): number {
  return fixedBytes + message.format.id.length + message.sizeBytes;
}

/** The record as it is kept in memory: alone, and not as a part of the memory that recovery read it into. */
export function packRecord(record: Buffer): RetainedRecord {
  if (record.length <= stringBytesMax) return record.toString("latin1");
  if (record.length === record.buffer.byteLength) return record;
  const own = Buffer.allocUnsafeSlow(record.length);
  own.set(record);
  return own;
}

/** When the message runs out, in milliseconds since the epoch; 0 for never. */
export function recordExpiresAtMs(record: Buffer): number {
  const at = 1 + (record[0] as number);
  const expirationMs = record.readDoubleBE(at + 8);
  return expirationMs < 0 ? 0 : record.readDoubleBE(at) + expirationMs;
}

/** Takes a record apart. Throws where its format is none of MQTT's. */
export function decodeRetained(topic: string, packed: RetainedRecord): Retained {
  const record = typeof packed === "string" ? Buffer.from(packed, "latin1") : packed;
  const at = 1 + (record[0] as number);
  const format = messageFormat(record.toString("latin1", 1, at));
  if (!(format instanceof MqttFormat)) throw new Error(`a retained message has the format '${format.id}'`);
  const nativeStart = at + 20;
  const nativeEnd = nativeStart + record.readUInt32BE(at + 16);
  return {
    topic,
    format,
    publishedAtMs: record.readDoubleBE(at),
    expirationMs: record.readDoubleBE(at + 8),
    native: record.subarray(nativeStart, nativeEnd),
    body: record.subarray(nativeEnd),
  };
}

function withoutTopic(native: Uint8Array): Uint8Array {
  if (native[0] !== exactTopicProperty) return native;
  return native.subarray(3 + (((native[1] as number) << 8) | (native[2] as number)));
}
