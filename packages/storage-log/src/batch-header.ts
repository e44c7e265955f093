import type { Lsn } from "@jackalope/core/storage";
import { crc32 } from "./crc32.ts";
import { batchHeaderBytes, batchMagic } from "./layout.ts";

/** The start of a batch, see the layout. */
export interface BatchHeader {
  bytes: number;
  flags: number;
  segmentId: number;
  offset: number;
  durableBytes: number;
  lastLsn: Lsn;
}

export function encodeBatchHeader(buffer: Uint8Array, view: DataView, at: number, header: BatchHeader): void {
  view.setUint32(at, batchMagic, true);
  view.setUint32(at + 8, header.bytes, true);
  view.setUint32(at + 12, header.flags, true);
  view.setUint32(at + 16, header.segmentId, true);
  view.setUint32(at + 20, header.offset, true);
  view.setUint32(at + 24, header.durableBytes, true);
  view.setUint32(at + 28, 0, true);
  view.setFloat64(at + 32, header.lastLsn, true);
  view.setUint32(at + 4, crc32(buffer, view, at + 8, at + batchHeaderBytes), true);
}

/** The header at `at`, null unless it is whole and belongs to `offset` of segment `segmentId`. */
export function decodeBatchHeader(
  buffer: Uint8Array,
  view: DataView,
  at: number,
  segmentId: number,
  offset: number,
): BatchHeader | null {
  if (view.getUint32(at, true) !== batchMagic) return null;
  if (view.getUint32(at + 16, true) !== segmentId || view.getUint32(at + 20, true) !== offset) return null;
  if (view.getUint32(at + 4, true) !== crc32(buffer, view, at + 8, at + batchHeaderBytes)) return null;
  const bytes = view.getUint32(at + 8, true);
  if (bytes < batchHeaderBytes) return null;
  return {
    bytes,
    flags: view.getUint32(at + 12, true),
    segmentId,
    offset,
    durableBytes: view.getUint32(at + 24, true),
    lastLsn: view.getFloat64(at + 32, true),
  };
}
