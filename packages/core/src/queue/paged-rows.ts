import type { QueueEntry } from "./queue-entry.ts";

const firstBlockRows = 16;
const blockRowsMax = 1024;

/** Facts of paged-out messages in columns: about 37 bytes a message instead of an object graph. */
class Block {
  readonly rows: number;
  readonly storedAt: Float64Array;
  readonly place: Float64Array;
  readonly expiresAtMs: Float64Array;
  readonly sizeBytes: Uint32Array;
  readonly bodyBytes: Uint32Array;
  readonly redelivered: Uint8Array;
  /** Entries that must stay in memory although their place is behind paged ones: what nothing stores. */
  resident: (QueueEntry | null)[] | null = null;
  start = 0;
  end = 0;

  constructor(rows: number) {
    this.rows = rows;
    this.storedAt = new Float64Array(rows);
    this.place = new Float64Array(rows);
    this.expiresAtMs = new Float64Array(rows);
    this.sizeBytes = new Uint32Array(rows);
    this.bodyBytes = new Uint32Array(rows);
    this.redelivered = new Uint8Array(rows);
  }
}

/** One row as it leaves. Reused: read it before the next call. */
export interface PagedRow {
  /** The Lsn in the engine, or the position in the spill area, negative; 0 where the row keeps its entry. */
  storedAt: number;
  place: number;
  expiresAtMs: number;
  sizeBytes: number;
  bodyBytes: number;
  redelivered: boolean;
  resident: QueueEntry | null;
}

/** The part of a ready list that is not in memory: first in, first out. */
export class PagedRows {
  #blocks: Block[] = [];
  #count = 0;
  readonly #row: PagedRow = {
    storedAt: 0,
    place: 0,
    expiresAtMs: 0,
    sizeBytes: 0,
    bodyBytes: 0,
    redelivered: false,
    resident: null,
  };

  get count(): number {
    return this.#count;
  }

  push(
    storedAt: number,
    place: number,
    expiresAtMs: number,
    sizeBytes: number,
    bodyBytes: number,
    redelivered: boolean,
    resident: QueueEntry | null,
  ): void {
    let block = this.#blocks[this.#blocks.length - 1];
    if (block === undefined || block.end === block.rows) {
      // Ten thousand restored queues with a message each must not take a full block each.
      block = new Block(block === undefined ? firstBlockRows : Math.min(block.rows * 2, blockRowsMax));
      this.#blocks.push(block);
    }
    const index = block.end++;
    block.storedAt[index] = storedAt;
    block.place[index] = place;
    block.expiresAtMs[index] = expiresAtMs;
    block.sizeBytes[index] = sizeBytes;
    block.bodyBytes[index] = bodyBytes;
    block.redelivered[index] = redelivered ? 1 : 0;
    if (resident !== null) {
      block.resident ??= new Array<QueueEntry | null>(block.rows).fill(null);
      block.resident[index] = resident;
    }
    this.#count++;
  }

  /** When the oldest row's message runs out, 0 for never and where there is none. */
  get headExpiresAtMs(): number {
    const block = this.#blocks[0];
    return block === undefined ? 0 : (block.expiresAtMs[block.start] as number);
  }

  /** Removes the oldest row, or returns null. The row object is reused. */
  shift(): PagedRow | null {
    const block = this.#blocks[0];
    if (block === undefined) return null;
    const index = block.start++;
    const row = this.#row;
    row.storedAt = block.storedAt[index] as number;
    row.place = block.place[index] as number;
    row.expiresAtMs = block.expiresAtMs[index] as number;
    row.sizeBytes = block.sizeBytes[index] as number;
    row.bodyBytes = block.bodyBytes[index] as number;
    row.redelivered = block.redelivered[index] === 1;
    row.resident = block.resident?.[index] ?? null;
    // With a million rows there are a thousand blocks, and this shift happens once a block.
    if (block.start === block.end) this.#blocks.shift();
    this.#count--;
    return row;
  }
}
