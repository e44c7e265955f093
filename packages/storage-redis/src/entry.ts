import type { Holders } from "./holders.ts";

/** Redis has a note of what is settled. */
export const noted = 1;
/** The commit being gathered has to write something about it. */
export const touched = 2;
/** A sealed commit writes the entry, or wrote it. */
export const stored = 4;
/** Redis has it for certain. */
export const acknowledged = 8;
/** Nothing is added any more. */
const sealed = 16;
/** Deleted ahead of the commit that does so. */
export const relieved = 32;

/**
 * What is not settled yet of one stream entry: messages by their place in the entry. There may be as many of these as
 * messages, where those come one by one: fields are few.
 */
export class Entry {
  readonly streamId: number;
  readonly firstLsn: number;
  /** The Lsn in its id. It is not that of the first message where the entry was moved (compactor.ts). */
  readonly idLsn: number;
  count = 0;
  /** Messages, in the shared stream pairs of message and queue, that are not settled. */
  remaining = 0;
  /** Bytes in Redis, about. */
  bytes = 0;
  /** In the shared stream: who holds the messages. */
  readonly holders: Holders | null;
  /** How far the messages' Lsns are from the first's, null while they are 0, 1, 2, … */
  #offsets: number[] | Uint32Array | null = null;
  /** One bit for each message, or pair, that is settled; null where none is. */
  #settled: Uint8Array | null = null;
  #flags = 0;

  constructor(streamId: number, firstLsn: number, idLsn: number, holders: Holders | null) {
    this.streamId = streamId;
    this.firstLsn = firstLsn;
    this.idLsn = idLsn;
    this.holders = holders;
  }

  /** A message is added at the end. `set` names its queues in the shared stream, and is of no meaning elsewhere. */
  add(lsn: number, set: number): void {
    const offset = lsn - this.firstLsn;
    if (this.#offsets === null && offset !== this.count) {
      this.#offsets = Array.from({ length: this.count }, (_, index) => index);
    }
    if (this.#offsets !== null) (this.#offsets as number[]).push(offset);
    this.count++;
    const { holders } = this;
    if (holders === null) {
      this.remaining++;
      return;
    }
    holders.add(set);
    this.remaining += holders.queuesOf(this.count - 1).length;
  }

  /** Nothing is added any more: the lists get small. */
  seal(): void {
    this.mark(sealed);
    if (this.#offsets !== null) this.#offsets = Uint32Array.from(this.#offsets);
    this.holders?.seal();
  }

  is(flag: number): boolean {
    return (this.#flags & flag) !== 0;
  }

  mark(flag: number): void {
    this.#flags |= flag;
  }

  unmark(flag: number): void {
    this.#flags &= ~flag;
  }

  /** True where nothing is left in it and nothing will come. */
  get finished(): boolean {
    return this.remaining === 0 && this.is(sealed);
  }

  /** Messages that are not settled by all their queues. */
  get live(): number {
    return this.holders === null ? this.remaining : this.holders.live;
  }

  get lastLsn(): number {
    return this.lsnAt(this.count - 1);
  }

  lsnAt(place: number): number {
    return this.firstLsn + (this.#offsets === null ? place : (this.#offsets[place] as number));
  }

  /** The place of a message, -1 where it is not in this entry. */
  placeOf(lsn: number): number {
    const offset = lsn - this.firstLsn;
    const offsets = this.#offsets;
    if (offsets === null) return offset >= 0 && offset < this.count ? offset : -1;
    let low = 0;
    let high = this.count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = offsets[middle] as number;
      if (found === offset) return middle;
      if (found < offset) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  /** True where no queue holds the message any more. */
  isSettled(place: number): boolean {
    return this.holders === null ? this.#hasBit(place) : !this.holders.isLive(place);
  }

  /** In the shared stream: the queues that have not settled a message. */
  holdersOf(place: number): readonly number[] {
    const { holders } = this;
    if (holders === null) return [];
    const queues = holders.queuesOf(place);
    if (this.#settled === null) return queues;
    const start = holders.startOf(place);
    return queues.filter((_, index) => !this.#hasBit(start + index));
  }

  /** Settles one message for one queue; false where that had been done, or the queue never held it. */
  settle(place: number, queueId: number): boolean {
    const bit = this.holders === null ? place : this.holders.pairOf(place, queueId);
    if (bit < 0) return false;
    const at = bit >> 3;
    if (this.#settled === null || at >= this.#settled.length) this.#growSettled(at);
    const bytes = this.#settled as unknown as Uint8Array;
    const mask = 1 << (bit & 7);
    const before = bytes[at] as number;
    if ((before & mask) !== 0) return false;
    bytes[at] = before | mask;
    this.remaining--;
    this.holders?.settled(place);
    return true;
  }

  /** What it held stands in another entry now. */
  retire(): void {
    this.remaining = 0;
  }

  /** What is settled, as it stands in the hash beside the stream. */
  note(): Buffer {
    return Buffer.from(this.#settled ?? []);
  }

  /** Takes a note over that an earlier broker left. */
  restore(note: Buffer): void {
    this.mark(noted);
    const { holders } = this;
    for (let place = 0; place < this.count; place++) {
      if (holders === null) {
        if (hasBit(note, place)) this.settle(place, this.streamId);
        continue;
      }
      const start = holders.startOf(place);
      for (const [index, queueId] of holders.queuesOf(place).entries()) {
        if (hasBit(note, start + index)) this.settle(place, queueId);
      }
    }
  }

  #hasBit(bit: number): boolean {
    return this.#settled !== null && hasBit(this.#settled, bit);
  }

  #growSettled(at: number): void {
    const bits = this.holders === null ? this.count : this.holders.pairs;
    const larger = new Uint8Array(Math.max(at + 1, (bits + 7) >> 3));
    if (this.#settled !== null) larger.set(this.#settled);
    this.#settled = larger;
  }
}

function hasBit(bits: Uint8Array, bit: number): boolean {
  return ((bits[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0;
}
