import type { Lsn } from "../storage-engine.ts";

/** Who is told. */
export interface ConfirmSink {
  confirm(publishSeq: number, multiple: boolean): void;
  refuse(publishSeq: number, multiple: boolean): void;
}

const refused = -1;
const initialCapacity = 64;

/**
 * The publishes of one channel in order, each with the Lsn at which it is durable (0: at once). `advance` pops the
 * prefix that the watermark has reached, so confirms leave in order and a run of them costs one frame.
 *
 *     publish   5    6    7    8    9
 *     lsn       41   0    42   -1   55     durable 42 -> confirm(7, multiple), refuse(8), 9 waits
 */
export class Confirms {
  #lsns = new Float64Array(0);
  /** Sequence number of the oldest publish that has no answer yet. */
  #base = 1;
  #next = 1;

  /** Publishes without an answer. */
  get pending(): number {
    return this.#next - this.#base;
  }

  /** Publishes counted so far. */
  get lastSequence(): number {
    return this.#next - 1;
  }

  /** Counts one publish that is safe once the watermark has reached `lsn`. */
  add(lsn: Lsn): void {
    if (this.#next - this.#base === this.#lsns.length) this.#grow();
    this.#lsns[this.#next++ & (this.#lsns.length - 1)] = lsn;
  }

  /** Counts one publish that a queue refused. */
  addRefused(): void {
    this.add(refused);
  }

  /** Answers every publish up to the first that is not durable yet. Returns how many were confirmed. */
  advance(durable: Lsn, sink: ConfirmSink): number {
    const mask = this.#lsns.length - 1;
    let confirmed = 0;
    while (this.#base < this.#next) {
      const first = this.#base;
      const isRefused = this.#lsns[first & mask] === refused;
      let end = first;
      while (end < this.#next && this.#answer(end & mask, durable, isRefused)) end++;
      if (end === first) break;
      this.#base = end;
      if (isRefused) {
        // Older publishes have their answers, so "all up to" means this run alone.
        sink.refuse(end - 1, end - first > 1);
      } else {
        confirmed += end - first;
        sink.confirm(end - 1, end - first > 1);
      }
    }
    if (this.#base === this.#next && this.#lsns.length > 4096) this.#lsns = new Float64Array(0);
    return confirmed;
  }

  #answer(slot: number, durable: Lsn, wantRefused: boolean): boolean {
    const lsn = this.#lsns[slot] as number;
    return lsn === refused ? wantRefused : !wantRefused && lsn <= durable;
  }

  #grow(): void {
    const old = this.#lsns;
    const lsns = new Float64Array(Math.max(initialCapacity, old.length * 2));
    for (let sequence = this.#base; sequence < this.#next; sequence++) {
      lsns[sequence & (lsns.length - 1)] = old[sequence & (old.length - 1)] as number;
    }
    this.#lsns = lsns;
  }
}
