import { inBackgroundSlices } from "../long-act.ts";
import type { DeathReason } from "./dead-letter.ts";
import type { Queue } from "./queue.ts";
import type { QueueEntry } from "./queue-entry.ts";
import type { QueueHost } from "./queue-host.ts";

interface PostponedDeath {
  readonly entry: QueueEntry;
  readonly reason: DeathReason;
}

/** How messages of one queue end that no consumer has: dropped, dead-lettered, or parked where that fails. */
export class Deaths {
  readonly #queue: Queue;
  readonly #host: QueueHost;
  /** To be dead-lettered when it is certain that nobody else has done so. */
  #postponed: PostponedDeath[] = [];
  /** How many of them are over. */
  #resumed = 0;

  constructor(queue: Queue, host: QueueHost) {
    this.#queue = queue;
    this.#host = host;
  }

  /** Ends an entry now, or behind those that have to wait. */
  die(entry: QueueEntry, reason: DeathReason): void {
    const queue = this.#queue;
    queue.filtered.noteChange();
    const deadLetters = queue.options.deadLetterExchange !== null;
    // The copy may wait in a queue that goes on in any case, and leave in a later turn: the clock is looked at here.
    if (deadLetters && queue.stores && (this.#postponed.length > 0 || !this.#host.store.ownership.check())) {
      this.#postponed.push({ entry, reason });
    } else this.#end(entry, reason);
  }

  /** Stored in its new queue and settled in the old one together: a crash must not come between the two. */
  #end(entry: QueueEntry, reason: DeathReason): void {
    const queue = this.#queue;
    const host = this.#host;
    const deadLetters = queue.options.deadLetterExchange !== null;
    let done = false;
    const die = (): void => {
      done = host.deadLetter(queue, entry.message, reason);
      if (done) queue.settle(entry);
    };
    if (!deadLetters || entry.message.lsn === 0) die();
    else host.store.atomic(die);
    if (!done) queue.parked.park(entry, "it cannot be dead-lettered");
  }

  /** It may be certain now: those that had to wait end while the turn's time lasts. */
  resume(): void {
    const { ownership } = this.#host.store;
    while (this.#resumed < this.#postponed.length) {
      if (!ownership.check() || !this.#queue.mayDeliver()) return;
      const { entry, reason } = this.#postponed[this.#resumed++] as PostponedDeath;
      this.#end(entry, reason);
    }
    this.#forget();
  }

  /** The queue is gone, and they with it. */
  end(): void {
    const ended = inBackgroundSlices(this.#host.turn, settling(this.#queue, this.#postponed.slice(this.#resumed)));
    if (ended instanceof Promise) this.#host.store.containment.watch("dead-letter", ended);
    this.#forget();
  }

  #forget(): void {
    if (this.#postponed.length === 0) return;
    this.#postponed = [];
    this.#resumed = 0;
  }
}

function* settling(queue: Queue, deaths: readonly PostponedDeath[]): Generator<void, void> {
  for (const { entry } of deaths) {
    queue.settle(entry);
    yield;
  }
}
