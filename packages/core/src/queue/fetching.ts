import type { FilteredDispatch } from "./filtered-dispatch.ts";
import type { QueueEntry } from "./queue-entry.ts";
import type { ReadyMessages } from "./ready-messages.ts";

/** What fetching needs of its queue. */
export interface FetchedQueue {
  readonly ready: ReadyMessages;
  readonly filtered: FilteredDispatch;
  /** True where nothing may be handed out for now. */
  readonly withheld: boolean;
  hasExpired(entry: QueueEntry): boolean;
  /** An entry that is not ready any more has run out. */
  expire(entry: QueueEntry): void;
  /** False where the turn's time is over; `goOn` follows in a later one. */
  mayDeliver(): boolean;
}

/** Messages taken from a queue one by one (basic.get), and who waits for one that is not in memory yet. */
export class Fetching {
  readonly #queue: FetchedQueue;
  #waiters: (() => void)[] = [];
  /** Somebody waits for what has run out before the message to be dropped. */
  #behindExpired = false;

  constructor(queue: FetchedQueue) {
    this.#queue = queue;
  }

  /** The next message, or null: there is none, or one may be there later, as `whenPossible` tells. */
  take(): QueueEntry | null {
    const queue = this.#queue;
    if (queue.withheld) return null;
    queue.filtered.noteChange();
    for (let list = queue.ready.first(); list !== null; list = queue.ready.first()) {
      const entry = list.shift();
      if (entry === null || !queue.hasExpired(entry)) return entry;
      queue.expire(entry);
      if (!queue.mayDeliver()) {
        this.#behindExpired = true;
        return null;
      }
    }
    return null;
  }

  /** Resolves when messages that are being read back, withheld, or behind many that ran out, may be there, for `take`. */
  whenPossible(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** `take` may find what it did not find before. */
  wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }

  /** A later turn has come. */
  goOn(): void {
    if (!this.#behindExpired) return;
    this.#behindExpired = false;
    this.wake();
  }
}
