import type { Lsn } from "@jackalope/core/storage";
import { encodeBatchHeader } from "./batch-header.ts";
import { crc32 } from "./crc32.ts";
import type { DefinitionIndex } from "./definition-index.ts";
import {
  batchHeaderBytes,
  deadKind,
  definitionHeaderBytes,
  deleteKind,
  messageHeaderBytes,
  messageKind,
  putKind,
} from "./layout.ts";
import type { MessageIndex } from "./message-index.ts";
import type { Segment } from "./segment.ts";
import { definitionKey } from "./definition-record.ts";
import { encodeSettles, SettleLists, settlesBytesMax } from "./settle-lists.ts";

/** A batch takes a turn's records until it has so many bytes; then the next one begins. */
export const batchBytesMax: number = 1 << 20;

const wordBytes = 4;

/** What one commit writes, gathered in one reused buffer. Its place in the log is known from the start. */
export class Batch {
  buffer: Buffer = Buffer.allocUnsafeSlow(batchBytesMax + batchBytesMax / 4);
  view: DataView = viewOf(this.buffer);
  /** Offset in `buffer` behind the last record. */
  position: number = batchHeaderBytes;
  segment: Segment;
  /** Address of the batch header. */
  start: number;
  /** Counts batches. */
  sequence: number;
  /** The last Lsn before this batch, and the last one in it. */
  floorLsn: Lsn;
  lastLsn: Lsn;
  /** Batch flags of the layout. */
  flags = 0;
  /** Write it even if no record is left in it. */
  forced = false;
  readonly settles: SettleLists = new SettleLists();
  #deadRecords = 0;
  /** Bytes of messages that were settled before the batch was sealed: they are never written. */
  deadBytes = 0;

  constructor(segment: Segment, start: number, sequence: number, floorLsn: Lsn) {
    this.segment = segment;
    this.start = start;
    this.sequence = sequence;
    this.floorLsn = floorLsn;
    this.lastLsn = floorLsn;
  }

  /** Begins anew with the old buffer. */
  reuse(segment: Segment, start: number, sequence: number, floorLsn: Lsn): void {
    this.segment = segment;
    this.start = start;
    this.sequence = sequence;
    this.floorLsn = floorLsn;
    this.lastLsn = floorLsn;
    this.position = batchHeaderBytes;
    this.flags = 0;
    this.forced = false;
    this.#deadRecords = 0;
    this.deadBytes = 0;
  }

  /** True where there is nothing to write, which does not mean that no Lsn was given. */
  get empty(): boolean {
    return this.position === batchHeaderBytes && this.settles.empty && !this.forced;
  }

  /** Record bytes that will be written. */
  get recordBytes(): number {
    return this.position - batchHeaderBytes - this.deadBytes;
  }

  /** Offset in the segment's file. */
  get offset(): number {
    return this.start - this.segment.base;
  }

  /**
   * Makes room for a record and returns its offset in `buffer`, which this call may replace. There are a few bytes more
   * than asked for, so that words can be written where bytes are meant.
   */
  reserve(bytes: number): number {
    const offset = this.position;
    if (offset + bytes + wordBytes > this.buffer.length) this.#grow(offset + bytes + wordBytes);
    this.position = offset + bytes;
    return offset;
  }

  /** Drops the message record at `offset` in `buffer`, which was both appended and settled in this batch. */
  kill(offset: number, length: number): void {
    this.buffer[offset + 8] = deadKind;
    this.#deadRecords++;
    this.deadBytes += length;
  }

  /** Appends a record that sets a key, or removes it where `value` is null; returns its offset in `buffer`. */
  writeDefinition(key: Uint8Array, value: Uint8Array | null): number {
    const length = definitionHeaderBytes + key.length + (value === null ? 0 : value.length);
    const start = this.reserve(length);
    this.view.setUint32(start + 4, length, true);
    this.view.setUint32(start + 8, value === null ? deleteKind : putKind, true);
    this.view.setUint32(start + 12, key.length, true);
    this.buffer.set(key, start + definitionHeaderBytes);
    if (value !== null) this.buffer.set(value, start + definitionHeaderBytes + key.length);
    return start;
  }

  /** Appends a copy of the message record at `at`, for `queueIds` only; returns its length. */
  copyMessage(from: Buffer, fromView: DataView, at: number, queueIds: readonly number[]): number {
    const length = fromView.getUint32(at + 4, true);
    const queueBytes = fromView.getUint32(at + 32, true) * 4;
    const copied = length - queueBytes + queueIds.length * 4;
    const start = this.reserve(copied);
    from.copy(this.buffer, start, at, at + messageHeaderBytes);
    this.view.setUint32(start + 4, copied, true);
    this.view.setUint32(start + 32, queueIds.length, true);
    let to = start + messageHeaderBytes;
    for (let index = 0; index < queueIds.length; index++, to += 4)
      this.view.setUint32(to, queueIds[index] as number, true);
    from.copy(this.buffer, to, at + messageHeaderBytes + queueBytes, at + length);
    return copied;
  }

  /** Nothing more comes: writes the settles, closes the gaps of dead messages and computes the checksums. */
  seal(index: MessageIndex, definitions: DefinitionIndex): void {
    if (this.#deadRecords > 0) this.#squeeze(index, definitions);
    this.settles.drain((queueId, lsns, count) => this.#writeSettles(queueId, lsns, count));
    for (let at = batchHeaderBytes; at < this.position; ) {
      const end = at + this.view.getUint32(at + 4, true);
      this.view.setUint32(at, crc32(this.buffer, this.view, at + 4, end), true);
      at = end;
    }
  }

  /** Completes the header, once it is known which file takes the batch and what of it is durable. */
  stamp(durableBytes: number): void {
    encodeBatchHeader(this.buffer, this.view, 0, {
      bytes: this.position,
      flags: this.flags,
      segmentId: this.segment.id,
      offset: this.offset,
      durableBytes,
      lastLsn: this.lastLsn,
    });
  }

  #writeSettles(queueId: number, lsns: Float64Array, count: number): void {
    const room = settlesBytesMax(count);
    const start = this.reserve(room);
    const end = encodeSettles(this.buffer, this.view, start, queueId, lsns, count);
    this.view.setUint32(start + 4, end - start, true);
    this.position = end;
  }

  /** Moves what lives over the dead, whole runs at a time. */
  #squeeze(index: MessageIndex, definitions: DefinitionIndex): void {
    const { buffer, view } = this;
    let to = batchHeaderBytes;
    let runStart = batchHeaderBytes;
    let at = batchHeaderBytes;
    while (at < this.position) {
      const length = view.getUint32(at + 4, true);
      if (buffer[at + 8] === deadKind) {
        to = this.#moveRun(index, definitions, runStart, at, to);
        runStart = at + length;
      }
      at += length;
    }
    this.position = this.#moveRun(index, definitions, runStart, at, to);
    this.#deadRecords = 0;
    this.deadBytes = 0;
  }

  #moveRun(index: MessageIndex, definitions: DefinitionIndex, start: number, end: number, to: number): number {
    if (start === end || start === to) return to + end - start;
    const { buffer, view } = this;
    buffer.copyWithin(to, start, end);
    const runEnd = to + end - start;
    for (let at = to; at < runEnd; at += view.getUint32(at + 4, true)) {
      const address = this.start + at;
      const before = address + start - to;
      if (buffer[at + 8] === messageKind) {
        const lsn = view.getFloat64(at + 12, true);
        // A message may have been copied here and settled since; then the index has forgotten it.
        if (index.locate(lsn) && index.address === before) index.relocate(lsn, address, index.length);
      } else {
        const place = definitions.get(definitionKey(buffer, view, at));
        if (place !== undefined && place.address === before) place.address = address;
      }
    }
    return runEnd;
  }

  #grow(bytes: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(bytes, this.buffer.length * 2));
    this.buffer.copy(grown, 0, 0, this.position);
    this.buffer = grown;
    this.view = viewOf(grown);
  }
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
}
