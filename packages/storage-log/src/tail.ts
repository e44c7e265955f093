import type { Lsn, Message } from "@jackalope/core/storage";
import { Batch, batchBytesMax } from "./batch.ts";
import type { DefinitionIndex, DefinitionPlace } from "./definition-index.ts";
import { definitionKey } from "./definition-record.ts";
import { batchHeaderBytes, messageKind, putKind, segmentHeaderBytes } from "./layout.ts";
import { heldByNone, type MessageIndex, notHeld } from "./message-index.ts";
import { encodeMessage } from "./message-record.ts";
import { RouteEncoder } from "./route-cache.ts";
import { Segment } from "./segment.ts";
import type { SegmentTable } from "./segment-table.ts";

/** Buffers kept for the next batches. */
const keptBatchesMax = 16;
/** One commit writes at most about so much. */
const commitBytesMax = 8 << 20;
/** After so many Lsns a batch is written even if it is empty, so that they do not come again after a crash. */
export const unwrittenLsnsMax: number = 1 << 19;

/** About what a settled message takes in a settle record. */
const carriedSettleBytes = 3;

/** The end of the log: what is appended and not durable yet. */
export class Tail {
  readonly index: MessageIndex;
  readonly definitions: DefinitionIndex;
  readonly segments: SegmentTable;
  readonly #segmentBytes: number;
  /** The last Lsn given. */
  lastLsn: Lsn;
  /** Sealed batches, the oldest first; a commit takes them from the front when they are durable. */
  readonly sealed: Batch[] = [];
  gathering: Batch | null = null;
  /** The number of the newest batch. */
  sequence = 0;
  #sealedBytes = 0;
  #writtenLsn: Lsn;
  #kept: Batch[] = [];
  #routes = new RouteEncoder();
  #groups = 0;

  constructor(
    index: MessageIndex,
    definitions: DefinitionIndex,
    segments: SegmentTable,
    segmentBytes: number,
    lastLsn: Lsn,
  ) {
    this.index = index;
    this.definitions = definitions;
    this.segments = segments;
    this.#segmentBytes = segmentBytes;
    this.lastLsn = lastLsn;
    this.#writtenLsn = lastLsn;
  }

  get pendingBytes(): number {
    return this.#sealedBytes + (this.gathering === null ? 0 : this.gathering.recordBytes);
  }

  /** True inside `group`: the batch must not be cut. */
  get grouping(): boolean {
    return this.#groups > 0;
  }

  append(queueIds: readonly number[], message: Message): Lsn {
    const lsn = this.lastLsn + 1;
    for (let at = 0; at < queueIds.length; at++) checkQueueId(queueIds[at] as number);
    const route = this.#routes.encode(message.route, message.format);
    const batch = this.gathering ?? this.#open();
    const offset = batch.position;
    const length = encodeMessage(batch, lsn, queueIds, message, route);
    this.lastLsn = lsn;
    this.index.add(lsn, batch.start + offset, length, queueIds);
    batch.segment.retain(length);
    batch.segment.noteMessage(lsn, false);
    if (batch.position >= batchBytesMax) this.#cut();
    return lsn;
  }

  settle(queueId: number, lsn: Lsn): Lsn {
    const { index } = this;
    const found = index.settle(lsn, queueId);
    if (found === notHeld) return this.lastLsn;
    const batch = this.gathering ?? this.#open();
    const { address, length } = index;
    const segment = address >= batch.start ? batch.segment : this.segments.find(address);
    if (this.#groups > 0) segment.neededSequence = batch.sequence;
    if (found === heldByNone) {
      segment.release(length, batch.sequence);
      // Neither the message nor its settling needs to be written. A copy's original is on disk, though.
      if (address >= batch.start && lsn > batch.floorLsn) {
        batch.kill(address - batch.start, length);
        return this.#pendingLsn(batch);
      }
    }
    batch.settles.add(queueId, lsn);
    if (segment !== batch.segment || segment.originals.size > 0) batch.segment.refer(segment);
    return this.#pendingLsn(batch);
  }

  put(key: string, value: Uint8Array | null): Lsn {
    const place = this.definitions.get(key);
    if (value === null && (place === undefined || place.removed)) return this.lastLsn;
    const batch = this.gathering ?? this.#open();
    const offset = batch.writeDefinition(Buffer.from(key), value);
    const address = batch.start + offset;
    const length = batch.position - offset;
    if (place !== undefined && !place.removed) {
      this.segments.find(place.address).replace(place.length, batch.sequence);
    }
    if (value === null && place !== undefined) {
      for (const holder of place.holders) if (!holder.removed) batch.segment.refer(holder);
      this.definitions.remove(key, place, address, length);
    } else {
      this.definitions.set(key, address, length, batch.segment);
      batch.segment.retain(length);
    }
    const lsn = this.#pendingLsn(batch);
    if (batch.position >= batchBytesMax) this.#cut();
    return lsn;
  }

  /** All that `writes` writes stands in one batch. */
  group(writes: () => void): Lsn {
    this.#groups++;
    try {
      writes();
    } finally {
      this.#groups--;
    }
    const { gathering } = this;
    if (gathering !== null && gathering.position >= batchBytesMax) this.#cut();
    return this.lastLsn;
  }

  /** Copies a live message record, of which `queueIds` are left, out of `from`; `at` is its offset in `buffer`. */
  copyMessage(from: Segment, buffer: Buffer, view: DataView, at: number, queueIds: readonly number[]): void {
    const lsn = view.getFloat64(at + 12, true);
    const length = view.getUint32(at + 4, true);
    const batch = this.gathering ?? this.#open();
    const offset = batch.position;
    const copied = batch.copyMessage(buffer, view, at, queueIds);
    from.replace(length, batch.sequence);
    batch.segment.retain(copied);
    batch.segment.noteMessage(lsn, true);
    if (from !== batch.segment) batch.segment.noteOriginal(from);
    this.index.relocate(lsn, batch.start + offset, copied);
    if (batch.position >= batchBytesMax) this.#cut();
  }

  /** Copies the newest record on a key: a put, or a delete that older records still need. */
  copyDefinition(from: Segment, key: string, place: DefinitionPlace, buffer: Buffer, start: number, end: number): void {
    const batch = this.gathering ?? this.#open();
    const offset = batch.reserve(end - start);
    buffer.copy(batch.buffer, offset, start, end);
    const address = batch.start + offset;
    if (place.removed) {
      for (const holder of place.holders) if (!holder.removed && holder !== from) batch.segment.refer(holder);
      this.definitions.remove(key, place, address, end - start);
    } else {
      from.replace(end - start, batch.sequence);
      batch.segment.retain(end - start);
      this.definitions.set(key, address, end - start, batch.segment);
    }
    if (batch.position >= batchBytesMax) this.#cut();
  }

  /** Says once more that a queue settled a message whose record, settled or not, stands in `holder`. */
  copySettle(holder: Segment, queueId: number, lsn: Lsn): void {
    const batch = this.gathering ?? this.#open();
    batch.settles.add(queueId, lsn);
    batch.segment.refer(holder);
    batch.segment.carriedBytes += carriedSettleBytes;
  }

  /** Seals what was gathered. Where `flags` are given, writes a batch even with nothing in it. */
  seal(flags: number = 0): void {
    if (flags !== 0) {
      const batch = this.gathering ?? this.#open();
      batch.forced = true;
      batch.flags = flags;
    }
    if (this.gathering !== null) this.#cut();
  }

  /** The next batches to commit: all in one segment, none cut off. They stay in `sealed` until `release`. */
  next(): Batch[] {
    const batches: Batch[] = [];
    let bytes = 0;
    for (const batch of this.sealed) {
      if (batches.length > 0 && (batch.segment !== batches[0]?.segment || bytes >= commitBytesMax)) break;
      batches.push(batch);
      bytes += batch.position;
    }
    return batches;
  }

  /** The oldest `count` sealed batches are durable: their buffers are free. */
  release(count: number): void {
    for (const batch of this.sealed.splice(0, count)) {
      this.#sealedBytes -= batch.recordBytes;
      if (!batch.empty) this.#writtenLsn = batch.lastLsn;
      if (this.#kept.length < keptBatchesMax && batch.buffer.length <= 2 * batchBytesMax) this.#kept.push(batch);
    }
  }

  /**
   * The file of `old` cannot be trusted behind its last durable byte: everything of it that is not durable goes to a new
   * segment, at the addresses that it has.
   */
  rehome(old: Segment): void {
    const moved = this.#undurable().filter((batch) => batch.segment === old);
    const segment = new Segment((moved[0]?.start ?? old.end) - segmentHeaderBytes);
    segment.inherit(old);
    segment.sealed = old.sealed;
    segment.end = Math.max(old.end, segment.first);
    old.sealed = true;
    old.end = segment.first;
    old.deadSequence = this.sequence;
    segment.deadSequence = this.sequence;
    old.neededSequence = this.sequence;
    segment.neededSequence = this.sequence;
    this.segments.insertBehind(old, segment);
    this.definitions.share(old, segment);
    for (const batch of moved) {
      batch.segment = segment;
      this.#moveLiveRecords(batch, old, segment);
    }
  }

  /** Address behind the last durable byte of a segment. */
  durableEnd(segment: Segment): number {
    return this.#undurable().find((batch) => batch.segment === segment)?.start ?? segment.end;
  }

  /** The pending batch with the record at `address`, null where it is in a file. */
  pendingBatch(address: number): Batch | null {
    const { gathering, sealed } = this;
    if (gathering !== null && address >= gathering.start) return gathering;
    for (let at = sealed.length - 1; at >= 0; at--) {
      const batch = sealed[at] as Batch;
      if (address >= batch.start) return batch;
    }
    return null;
  }

  #undurable(): Batch[] {
    return this.gathering === null ? [...this.sealed] : [...this.sealed, this.gathering];
  }

  #moveLiveRecords(batch: Batch, from: Segment, to: Segment): void {
    const { buffer, view } = batch;
    for (let at = batchHeaderBytes; at < batch.position; at += view.getUint32(at + 4, true)) {
      const kind = buffer[at + 8];
      let live = false;
      if (kind === messageKind) {
        live = this.index.locate(view.getFloat64(at + 12, true)) && this.index.address === batch.start + at;
      } else if (kind === putKind) {
        live = this.definitions.get(definitionKey(buffer, view, at))?.address === batch.start + at;
      }
      if (!live) continue;
      const length = view.getUint32(at + 4, true);
      from.release(length, this.sequence);
      to.retain(length);
    }
  }

  /** A record that needs an Lsn only to be waited for shares the newest one of its batch. */
  #pendingLsn(batch: Batch): Lsn {
    if (this.lastLsn === batch.floorLsn) this.lastLsn++;
    return this.lastLsn;
  }

  #open(): Batch {
    let segment = this.segments.active;
    const tail = segment === null ? 0 : segment.end;
    if (segment === null || (segment.fileBytes >= this.#segmentBytes && segment.end > segment.first)) {
      if (segment !== null) segment.sealed = true;
      // The addresses of two segments touch, so the header's lie below the batch's.
      segment = new Segment(tail - segmentHeaderBytes);
      this.segments.add(segment);
    }
    this.sequence++;
    const kept = this.#kept.pop();
    if (kept !== undefined) kept.reuse(segment, tail, this.sequence, this.lastLsn);
    const batch = kept ?? new Batch(segment, tail, this.sequence, this.lastLsn);
    this.gathering = batch;
    return batch;
  }

  #cut(): void {
    const batch = this.gathering;
    if (batch === null || this.#groups > 0) return;
    this.gathering = null;
    batch.lastLsn = this.lastLsn;
    if (this.lastLsn - this.#writtenLsn > unwrittenLsnsMax) batch.forced = true;
    batch.seal(this.index, this.definitions);
    batch.segment.deadSequence = batch.sequence;
    if (!batch.empty) batch.segment.end = batch.start + batch.position;
    this.sealed.push(batch);
    this.#sealedBytes += batch.recordBytes;
  }
}

function checkQueueId(queueId: number): void {
  if (queueId >>> 0 !== queueId) throw new RangeError(`queue id ${queueId} is not an unsigned 32-bit integer`);
}
