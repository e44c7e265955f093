import type { QueueEntry } from "./queue-entry.ts";

const initialCapacity = 16;

/**
 * A first-in-first-out list in a power-of-two array: no shifting, no garbage.
 *
 *     [ 6 7 _ _ _ 3 4 5 ]      head at 3, count 5; grows by doubling when full
 */
export class EntryRing {
  #slots: (QueueEntry | null)[] = [];
  #head = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  push(entry: QueueEntry): void {
    if (this.#count === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#count) & (this.#slots.length - 1)] = entry;
    this.#count++;
  }

  /** The oldest entry, or null. */
  peek(): QueueEntry | null {
    return this.#count === 0 ? null : (this.#slots[this.#head] as QueueEntry);
  }

  /** Removes and returns the oldest entry, or null. */
  shift(): QueueEntry | null {
    if (this.#count === 0) return null;
    const entry = this.#slots[this.#head] as QueueEntry;
    this.#slots[this.#head] = null;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#count--;
    // An idle queue must not keep the array of its busiest hour.
    if (this.#count === 0 && this.#slots.length > 4096) this.#slots = [];
    return entry;
  }

  /** The entry at `index` from the oldest one on. */
  at(index: number): QueueEntry {
    return this.#slots[(this.#head + index) & (this.#slots.length - 1)] as QueueEntry;
  }

  /** Removes the entry at `index`; those before it move up. */
  removeAt(index: number): void {
    const mask = this.#slots.length - 1;
    for (let place = index; place > 0; place--) {
      this.#slots[(this.#head + place) & mask] = this.#slots[(this.#head + place - 1) & mask] as QueueEntry;
    }
    this.shift();
  }

  #grow(): void {
    const old = this.#slots;
    const slots = new Array<QueueEntry | null>(Math.max(initialCapacity, old.length * 2)).fill(null);
    for (let index = 0; index < this.#count; index++)
      slots[index] = old[(this.#head + index) & (old.length - 1)] ?? null;
    this.#slots = slots;
    this.#head = 0;
  }
}
