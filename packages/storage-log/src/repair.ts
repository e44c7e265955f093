import type { Logger, Lsn } from "@jackalope/core/storage";
import { decodeBatchHeader, encodeBatchHeader } from "./batch-header.ts";
import { crc32 } from "./crc32.ts";
import { batchHeaderBytes, fillerKind, messageKind, recordBytesMin } from "./layout.ts";
import type { LogFile } from "./log-files.ts";
import { encodeSegmentHeader, type SegmentHeader } from "./segment-header.ts";
import { type Damage, isWholeRecord, SegmentScanner } from "./segment-scanner.ts";
import { writeFully } from "./write-fully.ts";

/** Writes a header that says as little as possible over a broken one. */
export async function repairSegmentHeader(file: LogFile, id: number): Promise<SegmentHeader> {
  const header: SegmentHeader = { id, previousId: 0, previousEnd: 0, lastLsn: 0 };
  await writeFully(file, [encodeSegmentHeader(header)], 0);
  await file.sync();
  return header;
}

/**
 * Makes the damaged batch valid again: whole records stay, the rest becomes fillers. Where the header is gone, the batch
 * reaches to the next header. Logs what is dropped. The file can be scanned on from `damage.offset`.
 */
export async function repairBatch(
  file: LogFile,
  segmentId: number,
  fileBytes: number,
  damage: Damage,
  lastLsn: Lsn,
  path: string,
  logger: Logger,
): Promise<void> {
  const end = await damagedEnd(file, segmentId, fileBytes, damage);
  const bytes = end - damage.offset;
  const fields = { file: path, offset: damage.offset, reason: damage.reason };
  if (bytes < batchHeaderBytes + recordBytesMin) {
    await file.truncate(damage.offset);
    await file.sync();
    logger.error(
      { ...fields, droppedBytes: fileBytes - damage.offset },
      "repaired the log: dropped the end of a segment",
    );
    return;
  }
  const buffer = Buffer.alloc(bytes);
  for (let done = 0; done < bytes; ) {
    const read = await file.read(buffer.subarray(done), bytes - done, damage.offset + done);
    if (read === 0) break;
    done += read;
  }
  const view = new DataView(buffer.buffer, buffer.byteOffset, bytes);
  const kept = fillGaps(buffer, view, bytes);
  const header = { bytes, flags: 0, segmentId, offset: damage.offset, durableBytes: damage.offset };
  encodeBatchHeader(buffer, view, 0, { ...header, lastLsn: Math.max(lastLsn, kept.lastLsn) });
  await writeFully(file, [buffer], damage.offset);
  await file.sync();
  logger.error(
    { ...fields, keptRecords: kept.records, droppedBytes: kept.droppedBytes },
    "repaired the log: dropped what could not be read",
  );
}

/** Where the damaged batch ends: by its own header where that is whole, else at the next one or the end of the file. */
async function damagedEnd(file: LogFile, segmentId: number, fileBytes: number, damage: Damage): Promise<number> {
  const bytes = Buffer.alloc(batchHeaderBytes);
  const read = await file.read(bytes, batchHeaderBytes, damage.offset);
  if (read === batchHeaderBytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const header = decodeBatchHeader(bytes, view, 0, segmentId, damage.offset);
    if (header !== null && damage.offset + header.bytes <= fileBytes) return damage.offset + header.bytes;
  }
  const scanner = new SegmentScanner(file, segmentId, fileBytes, damage.offset);
  for await (const header of scanner.headersBehind(damage.offset + batchHeaderBytes + recordBytesMin))
    return header.offset;
  return fileBytes;
}

interface Kept {
  records: number;
  droppedBytes: number;
  lastLsn: Lsn;
}

/** Turns every range of `buffer` behind the header that is no whole record into a filler record. */
function fillGaps(buffer: Buffer, view: DataView, end: number): Kept {
  const kept: Kept = { records: 0, droppedBytes: 0, lastLsn: 0 };
  let at = batchHeaderBytes;
  let previous = at;
  while (at < end) {
    if (isWholeRecord(buffer, view, at, end)) {
      if (buffer[at + 8] === messageKind) kept.lastLsn = Math.max(kept.lastLsn, view.getFloat64(at + 12, true));
      kept.records++;
      previous = at;
      at += view.getUint32(at + 4, true);
      continue;
    }
    // A gap too small for a filler takes the record before it along.
    const start = end - at < recordBytesMin ? previous : at;
    let next = start + recordBytesMin;
    while (next < end && !isLikelyRecord(buffer, view, next, end)) next++;
    if (next > end) next = end;
    writeFiller(buffer, view, start, next);
    kept.droppedBytes += next - start;
    at = next;
  }
  return kept;
}

function isLikelyRecord(buffer: Buffer, view: DataView, at: number, end: number): boolean {
  const kind = buffer[at + 8];
  return kind !== undefined && kind >= messageKind && kind <= fillerKind && isWholeRecord(buffer, view, at, end);
}

function writeFiller(buffer: Buffer, view: DataView, start: number, end: number): void {
  view.setUint32(start + 4, end - start, true);
  buffer[start + 8] = fillerKind;
  view.setUint32(start, crc32(buffer, view, start + 4, end), true);
}
