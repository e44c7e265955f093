import type { Lsn } from "@jackalope/core/storage";
import { crc32 } from "./crc32.ts";
import { segmentHeaderBytes, segmentMagic, segmentVersion } from "./layout.ts";

/** The start of a segment file. */
export interface SegmentHeader {
  readonly id: number;
  /** The segment that was written before, 0 where there was none, and its length in bytes. */
  readonly previousId: number;
  readonly previousEnd: number;
  /** The last Lsn given before. */
  readonly lastLsn: Lsn;
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(segmentHeaderBytes);
  bytes.write(segmentMagic, 0, "latin1");
  bytes.writeUInt32LE(segmentVersion, 12);
  bytes.writeUInt32LE(header.id, 16);
  bytes.writeUInt32LE(header.previousId, 20);
  bytes.writeUInt32LE(header.previousEnd, 24);
  bytes.writeDoubleLE(header.lastLsn, 32);
  bytes.writeUInt32LE(headerCrc(bytes), 8);
  return bytes;
}

/** The header in `bytes`, or in words what is wrong with it. */
export function decodeSegmentHeader(bytes: Buffer, id: number): SegmentHeader | string {
  if (bytes.length < segmentHeaderBytes) return "the segment header is cut off";
  if (bytes.toString("latin1", 0, 8) !== segmentMagic) return "this is not a segment of the log";
  if (bytes.readUInt32LE(8) !== headerCrc(bytes)) return "the checksum of the segment header is wrong";
  const version = bytes.readUInt32LE(12);
  if (version !== segmentVersion) return `segment version ${version} is not known, only ${segmentVersion} is`;
  if (bytes.readUInt32LE(16) !== id) return `the segment header names segment ${bytes.readUInt32LE(16)}`;
  return {
    id,
    previousId: bytes.readUInt32LE(20),
    previousEnd: bytes.readUInt32LE(24),
    lastLsn: bytes.readDoubleLE(32),
  };
}

function headerCrc(bytes: Buffer): number {
  return crc32(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 12, segmentHeaderBytes);
}
