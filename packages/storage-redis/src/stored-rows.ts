import type { RecoveryVisitor, StoredMessage } from "@jackalope/core/storage";
import type { IndexRow } from "./entry-reader.ts";

const columns = 6;
const firstRows = 1024;

/**
 * What recovery gathers of stored messages before it can tell them in the order of their Lsns, over all streams: numbers
 * in one array, 48 bytes a message, as there may be millions. Each stream brings its own in order, so these are runs to
 * be merged, not a heap of numbers to be sorted.
 */
export class StoredRows {
  #numbers = new Float64Array(firstRows * columns);
  #owners: (readonly number[])[] = [];
  /** Where each ascending run begins. */
  #runs: number[] = [];
  #lastLsn = Number.POSITIVE_INFINITY;

  get count(): number {
    return this.#owners.length;
  }

  add(row: IndexRow, queueIds: readonly number[]): void {
    const at = this.#owners.length * columns;
    if (at === this.#numbers.length) {
      const larger = new Float64Array(this.#numbers.length * 2);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    const numbers = this.#numbers;
    if (row.lsn < this.#lastLsn) this.#runs.push(this.#owners.length);
    this.#lastLsn = row.lsn;
    numbers[at] = row.lsn;
    numbers[at + 1] = row.nativeBytes + row.bodyBytes;
    numbers[at + 2] = row.bodyBytes;
    numbers[at + 3] = row.priority;
    numbers[at + 4] = row.expirationMs;
    numbers[at + 5] = row.publishedAtMs;
    this.#owners.push(queueIds);
  }

  /** Tells the visitor everything, in order; comes back to the caller every so many messages. */
  *visit(visitor: RecoveryVisitor, pauseEvery: number): Generator<void> {
    const numbers = this.#numbers;
    const message = {
      lsn: 0,
      queueIds: [],
      sizeBytes: 0,
      bodyBytes: 0,
      priority: 0,
      expirationMs: -1,
      publishedAtMs: 0,
    };
    const reused: { -readonly [Name in keyof StoredMessage]: StoredMessage[Name] } = message;
    let told = 0;
    for (const [start, end] of this.#merge()) {
      for (let index = start; index < end; index++) {
        if (++told % pauseEvery === 0) yield;
        const at = index * columns;
        reused.lsn = numbers[at] as number;
        reused.queueIds = this.#owners[index] as readonly number[];
        reused.sizeBytes = numbers[at + 1] as number;
        reused.bodyBytes = numbers[at + 2] as number;
        reused.priority = numbers[at + 3] as number;
        reused.expirationMs = numbers[at + 4] as number;
        reused.publishedAtMs = numbers[at + 5] as number;
        visitor.message(reused);
      }
    }
  }

  /** Ranges of rows in the order of their Lsns: the run with the lowest next row is at the top of a heap. */
  *#merge(): Generator<readonly [start: number, end: number]> {
    const ends = [...this.#runs.slice(1), this.#owners.length];
    const next = Uint32Array.from(this.#runs);
    const lsnOf = (run: number): number => this.#numbers[(next[run] as number) * columns] as number;
    // A run that begins later need not begin with a higher Lsn.
    const heap = Array.from(this.#runs, (_, run) => run).sort((left, right) => lsnOf(left) - lsnOf(right));
    while (heap.length > 0) {
      const run = heap[0] as number;
      const second = Math.min(heapLsn(heap, 1, lsnOf), heapLsn(heap, 2, lsnOf));
      const end = ends[run] as number;
      const start = next[run] as number;
      let index = start + 1;
      while (index < end && (this.#numbers[index * columns] as number) < second) index++;
      yield [start, index];
      next[run] = index;
      if (index === end) {
        const last = heap.pop() as number;
        if (heap.length > 0) heap[0] = last;
      }
      siftDown(heap, lsnOf);
    }
  }
}

function heapLsn(heap: readonly number[], place: number, lsnOf: (run: number) => number): number {
  return place < heap.length ? lsnOf(heap[place] as number) : Number.POSITIVE_INFINITY;
}

function siftDown(heap: number[], lsnOf: (run: number) => number): void {
  for (let place = 0; ; ) {
    let least = place;
    for (const child of [place * 2 + 1, place * 2 + 2]) {
      if (heapLsn(heap, child, lsnOf) < heapLsn(heap, least, lsnOf)) least = child;
    }
    if (least === place) return;
    [heap[place], heap[least]] = [heap[least] as number, heap[place] as number];
    place = least;
  }
}
