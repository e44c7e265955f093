import type { QueueArguments } from "./queue-arguments.ts";
import type { QueueEntry } from "./queue-entry.ts";
import type { ReadyMessages } from "./ready-messages.ts";

/** Messages that are dropped in one go whatever the turn's time: as many as one publish makes too many. */
const droppedAtOnce = 64;

/** What the bounds need of their queue. */
export interface BoundedQueue {
  readonly options: QueueArguments;
  readonly ready: ReadyMessages;
  /** True where nothing may be dead-lettered: what is over stays ready until it may. */
  readonly keepsDead: boolean;
  /** False where the turn's time is over; `dropOver` follows in a later one. */
  mayExpire(): boolean;
  /** The oldest entry, not ready any more, is one too many. */
  dropHead(entry: QueueEntry): void;
}

/** How many ready messages a queue may have, in number and bytes, and what becomes of the others. */
export class QueueBounds {
  readonly #queue: BoundedQueue;
  readonly #bounded: boolean;
  /** True where a full queue refuses. */
  readonly refuses: boolean;

  constructor(queue: BoundedQueue) {
    const { lengthMax, lengthBytesMax, overflow } = queue.options;
    this.#queue = queue;
    this.#bounded = lengthMax >= 0 || lengthBytesMax >= 0;
    this.refuses = this.#bounded && overflow !== "drop-head";
  }

  /** True where a body of `addedBytes` is too much. */
  full(addedBytes: number): boolean {
    const { options, ready } = this.#queue;
    const { lengthMax, lengthBytesMax } = options;
    if (lengthMax >= 0 && ready.count >= lengthMax) return true;
    return lengthBytesMax >= 0 && ready.bodyBytes + addedBytes > lengthBytesMax;
  }

  /** Drops from the head what is too many, where that is the rule. */
  dropOver(): void {
    if (!this.#bounded || this.refuses || this.#queue.keepsDead) return;
    for (let dropped = 0; this.#over(); dropped++) {
      if (dropped >= droppedAtOnce && !this.#queue.mayExpire()) return;
      const entry = this.#queue.ready.first()?.shift() ?? null;
      if (entry === null) return;
      this.#queue.dropHead(entry);
    }
  }

  #over(): boolean {
    const { options, ready } = this.#queue;
    const { lengthMax, lengthBytesMax } = options;
    if (lengthMax >= 0 && ready.count > lengthMax) return true;
    return lengthBytesMax >= 0 && ready.bodyBytes > lengthBytesMax;
  }
}
