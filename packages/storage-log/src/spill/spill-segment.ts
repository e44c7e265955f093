import type { LogFile } from "../log-files.ts";

/** Positions of one segment. */
export const segmentRecordsMax: number = 1 << 20;
const firstRecords = 64;

/**
 * One file of the spill area: where its records are, and how many hold each. Lives until nobody holds any.
 *
 *     open ──▶ sealed ──▶ removed        when nothing in it is held, read or waits to be written
 *                 └─────▶ moved          its few living records were copied on; their holders still come here
 */
export class SpillSegment {
  readonly id: number;
  /** No batch begins behind it. */
  readonly bytesMax: number;
  /** Null until something is written, and after it was removed. */
  file: LogFile | null = null;
  path = "";
  /** Behind the last record, written or not. */
  end = 0;
  /** What is before it is in the file. */
  writtenEnd = 0;
  recordCount = 0;
  /** Records that somebody holds, and their bytes. */
  liveCount = 0;
  liveBytes = 0;
  sealed = false;
  /** Reads under way. */
  pins = 0;
  /** Batches that are not written yet. */
  pendingBatches = 0;
  /** Where records went that somebody still holds, by their index; null while they are here. */
  moved: Map<number, number> | null = null;
  #offsets = new Uint32Array(firstRecords);
  #holders = new Uint32Array(firstRecords);

  constructor(id: number, bytesMax: number) {
    this.id = id;
    this.bytesMax = bytesMax;
  }

  /** Adds a record of `bytes` bytes at the end, for `holders`; returns its index. */
  add(bytes: number, holders: number): number {
    const index = this.recordCount++;
    if (index === this.#offsets.length) this.#grow();
    this.#offsets[index] = this.end;
    this.#holders[index] = holders;
    this.end += bytes;
    this.liveCount++;
    this.liveBytes += bytes;
    return index;
  }

  offset(index: number): number {
    return this.#offsets[index] as number;
  }

  length(index: number): number {
    const next = index + 1 === this.recordCount ? this.end : (this.#offsets[index + 1] as number);
    return next - (this.#offsets[index] as number);
  }

  holders(index: number): number {
    return this.#holders[index] as number;
  }

  hold(index: number): void {
    this.#holders[index] = this.holders(index) + 1;
  }

  /** One holder less; true where it was the last. */
  release(index: number): boolean {
    const left = this.holders(index) - 1;
    this.#holders[index] = left;
    if (left > 0) return false;
    this.liveCount--;
    this.liveBytes -= this.length(index);
    return true;
  }

  /** Indexes of the records that somebody holds. */
  living(): number[] {
    const indexes: number[] = [];
    for (let index = 0; index < this.recordCount; index++) if (this.holders(index) > 0) indexes.push(index);
    return indexes;
  }

  /** True where the file is of no use to anybody. */
  get idle(): boolean {
    return this.sealed && this.liveCount === 0 && this.pins === 0 && this.pendingBatches === 0;
  }

  /** The records are elsewhere: what is known of them here is not needed any more. */
  markMoved(moved: Map<number, number>): void {
    this.moved = moved;
    this.liveCount = 0;
    this.liveBytes = 0;
    this.#offsets = new Uint32Array(0);
    this.#holders = new Uint32Array(0);
  }

  #grow(): void {
    const offsets = new Uint32Array(this.#offsets.length * 2);
    offsets.set(this.#offsets);
    this.#offsets = offsets;
    const holders = new Uint32Array(offsets.length);
    holders.set(this.#holders);
    this.#holders = holders;
  }
}
