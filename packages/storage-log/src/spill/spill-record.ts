import type { Message } from "@jackalope/core/storage";
import { crc32 } from "../crc32.ts";
import { decodeMessage, encodeMessage, type RecordTarget } from "../message-record.ts";
import type { RouteDecoder, RouteEncoder } from "../route-cache.ts";

/**
 * A record of the spill area is a message record of the log (layout.ts) that names no queue, and behind it what only means
 * something within one process:
 *
 *     | u32 crc | u32 length | … message record … | f64 origin id |       crc of everything behind it
 */
const trailerBytes = 8;
const noQueues: readonly number[] = [];

/** Appends a record; returns its bytes. */
export function encodeSpilled(target: RecordTarget, message: Message, routes: RouteEncoder): number {
  const route = routes.encode(message.route, message.format);
  const bytes = encodeMessage(target, message.lsn, noQueues, message, route) + trailerBytes;
  const trailer = target.reserve(trailerBytes);
  const start = trailer + trailerBytes - bytes;
  const { buffer, view } = target;
  view.setFloat64(trailer, message.originId, true);
  view.setUint32(start, crc32(buffer, view, start + 4, start + bytes), true);
  return bytes;
}

/** Appends a record as it stands elsewhere. */
export function copySpilled(target: RecordTarget, from: Buffer, start: number, bytes: number): void {
  const at = target.reserve(bytes);
  from.copy(target.buffer, at, start, start + bytes);
}

/** True where the `bytes` bytes at `start` are a record as it was written. */
export function isSpilledRecord(buffer: Buffer, view: DataView, start: number, bytes: number): boolean {
  if (view.getUint32(start + 4, true) + trailerBytes !== bytes) return false;
  return view.getUint32(start, true) === crc32(buffer, view, start + 4, start + bytes);
}

/** The message in a record, with bytes of its own. */
export function decodeSpilled(
  buffer: Buffer,
  view: DataView,
  start: number,
  bytes: number,
  routes: RouteDecoder,
): Message {
  const message = decodeMessage(buffer, view, start, routes);
  message.originId = view.getFloat64(start + bytes - trailerBytes, true);
  return message;
}
