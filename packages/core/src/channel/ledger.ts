import type { QueueEntry } from "../queue/queue-entry.ts";

const initialCapacity = 16;
/** A ring of this size that is nearly empty sheds its oldest entries instead of growing. */
const sparseCapacity = 1024;

/**
 * What one channel delivered and the client has not settled, by delivery tag. Tags are consecutive and acknowledgements
 * come nearly in order, so a ring indexed by tag does what a map would do at a tenth of the cost.
 *
 *     stragglers        | ring: base ........ next-1
 *     by tag, rare        slot = tag & (capacity - 1); null: settled, or delivered without acknowledgement
 *
 * Stragglers are deliveries that a client forgot while it settled thousands of later ones: one of them must not make
 * the ring as long as the connection is old.
 */
export class Ledger {
  #slots: (QueueEntry | null)[] = [];
  /** Stands on the ring's oldest entry, or on `next` where the ring is empty. */
  #base = 1;
  #next = 1;
  #count = 0;
  /** Entries below base, null where there are none. */
  #stragglers: Map<number, QueueEntry> | null = null;
  #stragglersInOrder = true;

  /** Deliveries that wait for an acknowledgement. */
  get count(): number {
    return this.#count;
  }

  /** The tag of the last delivery, 0 before the first. */
  get lastTag(): number {
    return this.#next - 1;
  }

  /** The tag of the oldest entry; only meaningful while `count` is above 0. */
  get firstTag(): number {
    return this.#stragglers === null ? this.#base : this.#firstStraggler(this.#stragglers);
  }

  /** Takes the next tag for a delivery that has to be acknowledged. */
  push(entry: QueueEntry): number {
    if (this.#next - this.#base === this.#slots.length) this.#makeRoom();
    const tag = this.#next++;
    this.#slots[tag & (this.#slots.length - 1)] = entry;
    this.#count++;
    return tag;
  }

  /** Takes the next tag for a delivery that nobody acknowledges. */
  skip(): number {
    // Making room may empty the ring.
    if (this.#base !== this.#next && this.#next - this.#base === this.#slots.length) this.#makeRoom();
    if (this.#base === this.#next) this.#base++;
    else this.#slots[this.#next & (this.#slots.length - 1)] = null;
    return this.#next++;
  }

  /** The entry under `tag`, or null where that is unknown or settled. */
  find(tag: number): QueueEntry | null {
    if (tag >= this.#next) return null;
    if (tag < this.#base) return this.#stragglers?.get(tag) ?? null;
    return this.#slots[tag & (this.#slots.length - 1)] ?? null;
  }

  /** Removes and returns the entry under `tag`, or null. */
  take(tag: number): QueueEntry | null {
    const entry = this.find(tag);
    if (entry === null) return null;
    this.#count--;
    if (tag < this.#base) {
      this.#forgetStraggler(tag);
    } else {
      this.#slots[tag & (this.#slots.length - 1)] = null;
      this.#advance();
    }
    return entry;
  }

  /** Removes and returns the oldest entry at or below `tag`, or null. */
  takeFirst(tag: number): QueueEntry | null {
    if (this.#stragglers !== null) return this.firstTag > tag ? null : this.take(this.firstTag);
    if (this.#count === 0 || this.#base > tag) return null;
    const slot = this.#base & (this.#slots.length - 1);
    const entry = this.#slots[slot] as QueueEntry;
    this.#slots[slot] = null;
    this.#count--;
    this.#advance();
    return entry;
  }

  /** Puts an entry back under its tag: a transaction was rolled back. */
  restore(tag: number, entry: QueueEntry): void {
    this.#count++;
    const length = this.#next - Math.min(this.#base, tag);
    if (tag < this.#base && (this.#stragglers !== null || length > Math.max(sparseCapacity, this.#slots.length))) {
      this.#stragglers ??= new Map();
      this.#stragglers.set(tag, entry);
      this.#stragglersInOrder = false;
      return;
    }
    while (length > this.#slots.length) this.#grow();
    for (let gap = tag + 1; gap < this.#base; gap++) this.#slots[gap & (this.#slots.length - 1)] = null;
    this.#base = Math.min(this.#base, tag);
    this.#slots[tag & (this.#slots.length - 1)] = entry;
  }

  #advance(): void {
    if (this.#count === 0) {
      this.#base = this.#next;
      if (this.#slots.length > 4096) this.#slots = [];
      return;
    }
    const mask = this.#slots.length - 1;
    while (this.#base < this.#next && this.#slots[this.#base & mask] === null) this.#base++;
  }

  #makeRoom(): void {
    const inRing = this.#count - (this.#stragglers?.size ?? 0);
    if (this.#slots.length >= sparseCapacity && inRing < this.#slots.length / 8) this.#shed();
    else this.#grow();
  }

  /** Moves what is in the older half of the ring among the stragglers. */
  #shed(): void {
    const stragglers = (this.#stragglers ??= new Map());
    const middle = this.#base + this.#slots.length / 2;
    for (; this.#base < middle; this.#base++) {
      const slot = this.#base & (this.#slots.length - 1);
      const entry = this.#slots[slot] ?? null;
      if (entry !== null) stragglers.set(this.#base, entry);
      this.#slots[slot] = null;
    }
    this.#advance();
  }

  #firstStraggler(stragglers: Map<number, QueueEntry>): number {
    if (!this.#stragglersInOrder) {
      const inOrder = [...stragglers].sort(([left], [right]) => left - right);
      stragglers.clear();
      for (const [tag, entry] of inOrder) stragglers.set(tag, entry);
      this.#stragglersInOrder = true;
    }
    for (const tag of stragglers.keys()) return tag;
    return this.#base;
  }

  #forgetStraggler(tag: number): void {
    this.#stragglers?.delete(tag);
    if (this.#stragglers?.size !== 0) return;
    this.#stragglers = null;
    this.#stragglersInOrder = true;
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
