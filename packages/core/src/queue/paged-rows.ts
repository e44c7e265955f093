import type { QueueEntry } from "./queue-entry.ts";

const rowsPerBlock = 1024;

/** Facts of paged-out messages in columns: about 33 bytes a message instead of an object graph. */
class Block {
  readonly lsn = new Float64Array(rowsPerBlock);
  readonly place = new Float64Array(rowsPerBlock);
  readonly expiresAtMs = new Float64Array(rowsPerBlock);
  readonly sizeBytes = new Uint32Array(rowsPerBlock);
  readonly redelivered = new Uint8Array(rowsPerBlock);
  /** Entries that must stay in memory although their place is behind paged ones: transient messages. */
  resident: (QueueEntry | null)[] | null = null;
  start = 0;
  end = 0;
}

/** One row as it leaves. Reused: read it before the next call. */
export interface PagedRow {
  lsn: number;
  place: number;
  expiresAtMs: number;
  sizeBytes: number;
  redelivered: boolean;
  resident: QueueEntry | null;
}

/** The part of a ready list that lives in the storage engine: first in, first out. */
export class PagedRows {
  #blocks: Block[] = [];
  #count = 0;
  readonly #row: PagedRow = { lsn: 0, place: 0, expiresAtMs: 0, sizeBytes: 0, redelivered: false, resident: null };

  get count(): number {
    return this.#count;
  }

  push(lsn: number, place: number, expiresAtMs: number, sizeBytes: number, redelivered: boolean, resident: QueueEntry | null): void {
    let block = this.#blocks[this.#blocks.length - 1];
    if (block === undefined || block.end === rowsPerBlock) this.#blocks.push((block = new Block()));
    const index = block.end++;
    block.lsn[index] = lsn;
    block.place[index] = place;
    block.expiresAtMs[index] = expiresAtMs;
    block.sizeBytes[index] = sizeBytes;
    block.redelivered[index] = redelivered ? 1 : 0;
    if (resident !== null) {
      block.resident ??= new Array<QueueEntry | null>(rowsPerBlock).fill(null);
      block.resident[index] = resident;
    }
    this.#count++;
  }

  /** Removes the oldest row, or returns null. The row object is reused. */
  shift(): PagedRow | null {
    const block = this.#blocks[0];
    if (block === undefined) return null;
    const index = block.start++;
    const row = this.#row;
    row.lsn = block.lsn[index] as number;
    row.place = block.place[index] as number;
    row.expiresAtMs = block.expiresAtMs[index] as number;
    row.sizeBytes = block.sizeBytes[index] as number;
    row.redelivered = block.redelivered[index] === 1;
    row.resident = block.resident?.[index] ?? null;
    // With a million rows there are a thousand blocks, and this shift happens once a block.
    if (block.start === block.end) this.#blocks.shift();
    this.#count--;
    return row;
  }

  /** Forgets every row. */
  clear(): void {
    this.#blocks = [];
    this.#count = 0;
  }
}
