import type { SlabPool } from "./slab-pool.ts";

const none = Buffer.alloc(0);
const noView = new DataView(new ArrayBuffer(0));
/** Steps are large: each of them copies what there is. */
const growth = 4;

/** Bytes gathered one behind the other, in memory of a pool. */
export class GrowingBytes {
  buffer: Buffer = none;
  view: DataView = noView;
  length = 0;
  readonly #firstBytes: number;
  readonly #pool: SlabPool;

  constructor(pool: SlabPool, firstBytes: number) {
    this.#pool = pool;
    this.#firstBytes = firstBytes;
  }

  /** Makes room for `bytes` more and returns where they begin. */
  reserve(bytes: number): number {
    const start = this.length;
    const needed = start + bytes;
    if (needed > this.buffer.length) this.#grow(needed);
    this.length = needed;
    return start;
  }

  get bytes(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  /** Gives the memory back: nobody looks at `bytes` any more. */
  release(): void {
    this.#pool.give(this.buffer);
    this.buffer = none;
    this.view = noView;
    this.length = 0;
  }

  #grow(needed: number): void {
    const larger = this.#pool.take(Math.max(needed, this.#firstBytes, this.buffer.length * growth));
    this.buffer.copy(larger, 0, 0, this.length);
    this.#pool.give(this.buffer);
    this.buffer = larger;
    this.view = new DataView(larger.buffer, larger.byteOffset, larger.length);
  }
}
