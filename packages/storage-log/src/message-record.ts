import { Message, messageFormat, type Lsn } from "@jackalope/core/storage";
import { copyWords } from "./copy-words.ts";
import { expirationFlag, extraKeysFlag, messageHeaderBytes, messageKind, persistentFlag } from "./layout.ts";
import type { EncodedRoute, RouteDecoder } from "./route-cache.ts";

/** What records are gathered in. */
export interface RecordTarget {
  readonly buffer: Buffer;
  /** Of the same bytes. */
  readonly view: DataView;
  /**
   * Makes room for a record and returns its offset in `buffer`, which this call may replace. There are a few bytes more
   * than asked for, so that words can be written where bytes are meant.
   */
  reserve(bytes: number): number;
}

/** Appends a message record to the batch, its crc left open; returns its length. */
export function encodeMessage(
  batch: RecordTarget,
  lsn: Lsn,
  queueIds: readonly number[],
  message: Message,
  route: EncodedRoute,
): number {
  const nativeBytes = message.nativeEnd - message.nativeStart;
  const bodyBytes = message.bodyEnd - message.bodyStart;
  const extraKeys = message.extraKeys.length > 0 ? encodeExtraKeys(message.extraKeys) : null;
  const expires = message.expirationMs >= 0;
  const length =
    messageHeaderBytes +
    queueIds.length * 4 +
    (expires ? 8 : 0) +
    route.bytes +
    (extraKeys === null ? 0 : extraKeys.length) +
    nativeBytes +
    bodyBytes;
  const start = batch.reserve(length);
  const { buffer, view } = batch;
  let flags = message.persistent ? persistentFlag : 0;
  if (expires) flags |= expirationFlag;
  if (extraKeys !== null) flags |= extraKeysFlag;
  view.setUint32(start + 4, length, true);
  view.setUint32(start + 8, messageKind | (flags << 8) | ((message.priority & 255) << 16), true);
  view.setFloat64(start + 12, lsn, true);
  view.setFloat64(start + 20, message.publishedAtMs, true);
  view.setUint32(start + 28, nativeBytes, true);
  view.setUint32(start + 32, queueIds.length, true);
  view.setUint32(start + 36, route.bytes, true);
  let at = start + messageHeaderBytes;
  for (let index = 0; index < queueIds.length; index++, at += 4) view.setUint32(at, queueIds[index] as number, true);
  if (expires) {
    view.setFloat64(at, message.expirationMs, true);
    at += 8;
  }
  const { words } = route;
  // Bytes of the last word that are too many lie where the next ones go.
  for (let index = 0; index < words.length; index++) view.setUint32(at + index * 4, words[index] as number, true);
  at += route.bytes;
  if (extraKeys !== null) {
    buffer.set(extraKeys, at);
    at += extraKeys.length;
  }
  copyWords(message.bytes, message.nativeStart, message.nativeEnd, buffer, view, at);
  copyWords(message.bytes, message.bodyStart, message.bodyEnd, buffer, view, at + nativeBytes);
  return length;
}

function encodeExtraKeys(keys: readonly string[]): Uint8Array {
  const parts: Buffer[] = [Buffer.alloc(2)];
  (parts[0] as Buffer).writeUInt16LE(keys.length, 0);
  for (const key of keys) {
    const bytes = Buffer.from(key);
    const length = Buffer.alloc(2);
    length.writeUInt16LE(bytes.length, 0);
    parts.push(length, bytes);
  }
  return Buffer.concat(parts);
}

/** The queue ids in the record at `start`, as they were appended. */
export function recordQueueIds(view: DataView, start: number): number[] {
  const count = view.getUint32(start + 32, true);
  const queueIds = new Array<number>(count);
  for (let index = 0; index < count; index++)
    queueIds[index] = view.getUint32(start + messageHeaderBytes + index * 4, true);
  return queueIds;
}

/** Bytes before the native properties. */
function bytesBeforeNative(buffer: Buffer, view: DataView, start: number): number {
  const flags = view.getUint8(start + 9);
  let bytes = messageHeaderBytes + view.getUint32(start + 32, true) * 4 + view.getUint32(start + 36, true);
  if (flags & expirationFlag) bytes += 8;
  if (flags & extraKeysFlag) {
    let keys = view.getUint16(start + bytes, true);
    bytes += 2;
    for (; keys > 0; keys--) bytes += 2 + buffer.readUInt16LE(start + bytes);
  }
  return bytes;
}

/** Native properties and body in bytes. */
export function recordSizeBytes(buffer: Buffer, view: DataView, start: number): number {
  return view.getUint32(start + 4, true) - bytesBeforeNative(buffer, view, start);
}

/** As `Message.expirationMs`. */
export function recordExpirationMs(view: DataView, start: number): number {
  if ((view.getUint8(start + 9) & expirationFlag) === 0) return -1;
  return view.getFloat64(start + messageHeaderBytes + view.getUint32(start + 32, true) * 4, true);
}

function decodeExtraKeys(buffer: Buffer, start: number): string[] {
  const keys: string[] = [];
  let at = start + 2;
  for (let left = buffer.readUInt16LE(start); left > 0; left--) {
    const end = at + 2 + buffer.readUInt16LE(at);
    keys.push(buffer.toString("utf8", at + 2, end));
    at = end;
  }
  return keys;
}

/** The message in the record at `start`, with bytes of its own. */
export function decodeMessage(buffer: Buffer, view: DataView, start: number, routes: RouteDecoder): Message {
  const end = start + view.getUint32(start + 4, true);
  const flags = view.getUint8(start + 9);
  const nativeBytes = view.getUint32(start + 28, true);
  const routeStart =
    start + messageHeaderBytes + view.getUint32(start + 32, true) * 4 + (flags & expirationFlag ? 8 : 0);
  const routeEnd = routeStart + view.getUint32(start + 36, true);
  const nativeStart = start + bytesBeforeNative(buffer, view, start);
  const bytes = Buffer.allocUnsafe(end - nativeStart);
  buffer.copy(bytes, 0, nativeStart, end);
  const route = routes.decode(buffer, routeStart, routeEnd);
  const format = messageFormat(routes.formatId);
  const message = new Message(route, format, bytes, 0, nativeBytes, nativeBytes, bytes.length);
  message.owned = true;
  message.persistent = (flags & persistentFlag) !== 0;
  message.priority = view.getUint8(start + 10);
  message.expirationMs = recordExpirationMs(view, start);
  message.publishedAtMs = view.getFloat64(start + 20, true);
  if (flags & extraKeysFlag) message.extraKeys = decodeExtraKeys(buffer, routeEnd);
  message.lsn = view.getFloat64(start + 12, true);
  return message;
}
