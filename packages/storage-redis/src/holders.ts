import { sharedStream } from "./layout.ts";
import { CorruptIndexError } from "./redis-error.ts";

/** Fields of the index for the set: 0 stands for none. */
export const setsMax = 65_535;

/**
 * Which queues hold the messages of an entry in the shared stream. The pairs of message and queue are numbered through:
 * first those of the first message, in the order of its set.
 */
export class Holders {
  /** Each set of queues once: messages on one route share one. */
  readonly sets: (readonly number[])[] = [];
  pairs = 0;
  /** Messages that some queue holds. */
  live = 0;
  /** How many queues hold each message. */
  #left: number[] | Uint32Array = [];
  /** The set of each message, and the number of its first pair; null while all are of the first set. */
  #setOf: number[] | Uint16Array | null = null;
  #starts: number[] | Uint32Array | null = null;
  #messages = 0;

  /** Adds a message that this set of queues holds. */
  add(set: number): void {
    if (set > 0 && this.#setOf === null) {
      const size = this.sets[0]?.length ?? 0;
      this.#setOf = Array.from({ length: this.#messages }, () => 0);
      this.#starts = Array.from({ length: this.#messages }, (_, place) => place * size);
    }
    if (this.#setOf !== null) {
      (this.#setOf as number[]).push(set);
      (this.#starts as number[]).push(this.pairs);
    }
    this.#messages++;
    const { length } = this.sets[set] as readonly number[];
    this.pairs += length;
    this.live++;
    (this.#left as number[]).push(length);
  }

  /** One of the message's pairs is settled. */
  settled(place: number): void {
    const left = (this.#left[place] as number) - 1;
    this.#left[place] = left;
    if (left === 0) this.live--;
  }

  /** True where a queue holds the message. */
  isLive(place: number): boolean {
    return (this.#left[place] as number) > 0;
  }

  /** Nothing is added any more: the lists get small. */
  seal(): void {
    this.#left = Uint32Array.from(this.#left);
    if (this.#setOf === null) return;
    this.#setOf = Uint16Array.from(this.#setOf);
    this.#starts = Uint32Array.from(this.#starts as number[]);
  }

  /** All queues that the message was for. */
  queuesOf(place: number): readonly number[] {
    return this.sets[this.#setOf === null ? 0 : (this.#setOf[place] as number)] as readonly number[];
  }

  /** The number of the message's first pair. */
  startOf(place: number): number {
    return this.#starts === null ? place * (this.sets[0] as readonly number[]).length : (this.#starts[place] as number);
  }

  /** The number of a pair, -1 where the queue never held the message. */
  pairOf(place: number, queueId: number): number {
    const index = this.queuesOf(place).indexOf(queueId);
    return index < 0 ? -1 : this.startOf(place) + index;
  }

  /** The `queues` field. */
  encode(): Buffer {
    let numbers = 0;
    for (const set of this.sets) numbers += 1 + set.length;
    const bytes = Buffer.allocUnsafe(numbers * 4);
    let at = 0;
    for (const set of this.sets) {
      at = bytes.writeUInt32LE(set.length, at);
      for (const queueId of set) at = bytes.writeUInt32LE(queueId, at);
    }
    return bytes;
  }

  /** Reads the `queues` field. Throws CorruptIndexError. */
  static decode(bytes: Buffer): Holders {
    const holders = new Holders();
    for (let at = 0; at < bytes.length; ) {
      if (at + 4 > bytes.length) throw new CorruptIndexError("the list of queues is cut off");
      const size = bytes.readUInt32LE(at);
      at += 4;
      if (size * 4 > bytes.length - at) throw new CorruptIndexError("the list of queues is cut off");
      const start = at;
      const queues = Array.from({ length: size }, (_, index) => bytes.readUInt32LE(start + index * 4));
      if (size === 0 || queues.includes(sharedStream)) throw new CorruptIndexError("the list of queues names none");
      holders.sets.push(queues);
      at += size * 4;
    }
    return holders;
  }
}
