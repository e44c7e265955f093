import type { QueueEntry } from "../queue/queue-entry.ts";

const initialCapacity = 16;

/**
 * What one channel delivered and the client has not settled, by delivery tag. Tags are consecutive and acknowledgements
 * come nearly in order, so a ring indexed by tag does what a map would do at a tenth of the cost.
 *
 *     tags  base ........ next-1       slot = tag & (capacity - 1); null: settled, or delivered without acknowledgement
 */
export class Ledger {
  #slots: (QueueEntry | null)[] = [];
  #base = 1;
  #next = 1;
  #count = 0;

  /** Deliveries that wait for an acknowledgement. */
  get count(): number {
    return this.#count;
  }

  /** The tag of the last delivery, 0 before the first. */
  get lastTag(): number {
    return this.#next - 1;
  }

  /** Takes the next tag for a delivery that has to be acknowledged. */
  push(entry: QueueEntry): number {
    if (this.#next - this.#base === this.#slots.length) this.#grow();
    const tag = this.#next++;
    this.#slots[tag & (this.#slots.length - 1)] = entry;
    this.#count++;
    return tag;
  }

  /** Takes the next tag for a delivery that nobody acknowledges. */
  skip(): number {
    if (this.#count === 0) {
      this.#base = this.#next + 1;
    } else {
      if (this.#next - this.#base === this.#slots.length) this.#grow();
      this.#slots[this.#next & (this.#slots.length - 1)] = null;
    }
    return this.#next++;
  }

  /** The entry under `tag`, or null where that is unknown or settled. */
  find(tag: number): QueueEntry | null {
    if (tag < this.#base || tag >= this.#next) return null;
    return this.#slots[tag & (this.#slots.length - 1)] ?? null;
  }

  /** Removes and returns the entry under `tag`, or null. */
  take(tag: number): QueueEntry | null {
    const entry = this.find(tag);
    if (entry === null) return null;
    this.#slots[tag & (this.#slots.length - 1)] = null;
    this.#count--;
    this.#advance();
    return entry;
  }

  /** Removes and returns the oldest entry at or below `tag`, or null. */
  takeFirst(tag: number): QueueEntry | null {
    if (this.#count === 0 || this.#base > tag) return null;
    const slot = this.#base & (this.#slots.length - 1);
    const entry = this.#slots[slot] as QueueEntry;
    this.#slots[slot] = null;
    this.#count--;
    this.#advance();
    return entry;
  }

  /** The tag of the oldest entry; only meaningful while `count` is above 0. */
  get firstTag(): number {
    return this.#base;
  }

  /** Puts an entry back under its tag: a transaction was rolled back. */
  restore(tag: number, entry: QueueEntry): void {
    if (this.#count === 0) this.#base = this.#next;
    while (this.#next - Math.min(this.#base, tag) > this.#slots.length) this.#grow();
    for (let gap = tag + 1; gap < this.#base; gap++) this.#slots[gap & (this.#slots.length - 1)] = null;
    this.#base = Math.min(this.#base, tag);
    this.#slots[tag & (this.#slots.length - 1)] = entry;
    this.#count++;
  }

  /** Base always stands on an entry, or on next where there is none. */
  #advance(): void {
    if (this.#count === 0) {
      this.#base = this.#next;
      if (this.#slots.length > 4096) this.#slots = [];
      return;
    }
    const mask = this.#slots.length - 1;
    while (this.#slots[this.#base & mask] === null) this.#base++;
  }

  #grow(): void {
    const old = this.#slots;
    const slots = new Array<QueueEntry | null>(Math.max(initialCapacity, old.length * 2)).fill(null);
    for (let tag = this.#base; tag < this.#next && old.length > 0; tag++) {
      slots[tag & (slots.length - 1)] = old[tag & (old.length - 1)] ?? null;
    }
    this.#slots = slots;
  }
}
