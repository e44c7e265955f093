import { SpillBatch, spillBatchBytes } from "./spill-batch.ts";
import { SpillSegment, segmentRecordsMax } from "./spill-segment.ts";

/** Segments grow with what is spilled, so that their number, and that of open files, stays small. */
const segmentsWanted = 64;
const segmentBytesMax = 256 << 20;
/** More records than a batch can have: a record has at least 48 bytes. */
const batchRecordsMax = 8192;
const keptBatchesMax = 16;
/** One write has at most about so much. */
const writeBytesMax = 4 << 20;

/** The segments of a spill area, and what of them is not written yet. */
export class SpillTail {
  readonly segments: Map<number, SpillSegment> = new Map();
  /** The batch that takes records, null before the first one. */
  gathering: SpillBatch | null = null;
  /** Full batches, the oldest first. */
  readonly sealed: SpillBatch[] = [];
  /** Bytes that are not written yet. */
  pendingBytes = 0;
  readonly #segmentBytesMin: number;
  readonly #onIdle: (segment: SpillSegment) => void;
  #active: SpillSegment | null = null;
  #lastId = 0;
  readonly #kept: SpillBatch[] = [];

  /** `onIdle` is told of segments whose file is of no use any more. */
  constructor(segmentBytesMin: number, onIdle: (segment: SpillSegment) => void) {
    this.#segmentBytesMin = segmentBytesMin;
    this.#onIdle = onIdle;
  }

  /** Bytes of all files. */
  get fileBytes(): number {
    let bytes = 0;
    for (const segment of this.segments.values()) if (segment.file !== null) bytes += segment.writtenEnd;
    return bytes;
  }

  /** The batch for the next record. */
  open(): SpillBatch {
    if (this.gathering !== null) return this.gathering;
    const segment = this.#segment();
    const batch = this.#kept.pop();
    if (batch !== undefined) batch.reuse(segment);
    this.gathering = batch ?? new SpillBatch(segment);
    segment.pendingBatches++;
    return this.gathering;
  }

  /** A record of `bytes` bytes was put into the batch; returns its index in the segment. */
  added(batch: SpillBatch, bytes: number, holders: number): number {
    batch.liveCount++;
    this.pendingBytes += bytes;
    const index = batch.segment.add(bytes, holders);
    if (batch.position >= spillBatchBytes) this.seal();
    return index;
  }

  /** True where something waits to be written. */
  get pending(): boolean {
    return this.gathering !== null || this.sealed.length > 0;
  }

  /** What was gathered is to be written. */
  seal(): void {
    const batch = this.gathering;
    if (batch === null) return;
    this.gathering = null;
    this.sealed.push(batch);
    if (batch.liveCount === 0) this.#drop(batch);
  }

  /**
   * The next batches to write: one behind the other in one segment, none where nothing is left that anybody holds. They stay
   * in `sealed` until `written`. What is being gathered is sealed no sooner than here: while a write is slow, turns with a
   * message each must not take a buffer each.
   */
  next(): SpillBatch[] {
    if (this.sealed.length === 0) this.seal();
    const batches: SpillBatch[] = [];
    let bytes = 0;
    for (const batch of this.sealed) {
      const last = batches.at(-1);
      if (last !== undefined && (batch.segment !== last.segment || batch.start !== last.end)) break;
      if (bytes >= writeBytesMax) break;
      batches.push(batch);
      bytes += batch.position;
    }
    return batches;
  }

  /** The oldest sealed batches are in the file. */
  written(batches: readonly SpillBatch[]): void {
    for (const batch of this.sealed.splice(0, batches.length)) {
      batch.segment.writtenEnd = batch.end;
      this.#forget(batch);
    }
  }

  /** The write failed: what nobody holds any more need not be tried again. */
  unwritten(batches: readonly SpillBatch[]): void {
    for (const batch of batches) {
      batch.writing = false;
      if (batch.liveCount === 0) this.#drop(batch);
    }
  }

  /** The batch with the unwritten record at `offset`. */
  pendingBatch(segment: SpillSegment, offset: number): SpillBatch {
    const { gathering, sealed } = this;
    if (gathering !== null && gathering.segment === segment && offset >= gathering.start) return gathering;
    // They are in the order of segments and offsets, and there are many while the disk is full.
    let low = 0;
    for (let high = sealed.length; low < high; ) {
      const middle = (low + high) >>> 1;
      const batch = sealed[middle] as SpillBatch;
      const { id } = batch.segment;
      if (id < segment.id || (id === segment.id && batch.end <= offset)) low = middle + 1;
      else high = middle;
    }
    const batch = sealed[low];
    if (batch !== undefined && batch.segment === segment && batch.start <= offset) return batch;
    throw new Error(`no batch has offset ${offset} of spill segment ${segment.id}`);
  }

  /** The last holder of a record is gone. */
  died(segment: SpillSegment, offset: number): void {
    if (offset >= segment.writtenEnd) {
      const batch = this.pendingBatch(segment, offset);
      batch.liveCount--;
      if (batch.liveCount === 0 && !batch.writing && batch !== this.gathering) this.#drop(batch);
    }
    this.look(segment);
  }

  /** Gives a segment up if nothing in it is of use. */
  look(segment: SpillSegment): void {
    if (!segment.idle) return;
    if (segment.moved === null) this.segments.delete(segment.id);
    this.#onIdle(segment);
  }

  #segment(): SpillSegment {
    const active = this.#active;
    const full =
      active === null || active.end >= active.bytesMax || active.recordCount > segmentRecordsMax - batchRecordsMax;
    if (!full) return active;
    const shareBytes = Math.min(this.fileBytes / segmentsWanted, segmentBytesMax);
    const segment = new SpillSegment(++this.#lastId, Math.max(this.#segmentBytesMin, shareBytes));
    this.segments.set(segment.id, segment);
    this.#active = segment;
    if (active !== null) {
      active.sealed = true;
      this.look(active);
    }
    return segment;
  }

  /** Takes a sealed batch that need not be written out of the row. */
  #drop(batch: SpillBatch): void {
    const at = this.sealed.indexOf(batch);
    if (at >= 0) this.sealed.splice(at, 1);
    this.#forget(batch);
  }

  #forget(batch: SpillBatch): void {
    const { segment } = batch;
    this.pendingBytes -= batch.position;
    segment.pendingBatches--;
    if (this.#kept.length < keptBatchesMax && batch.buffer.length <= 2 * spillBatchBytes) this.#kept.push(batch);
    this.look(segment);
  }
}
