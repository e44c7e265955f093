import type { DeathReason } from "./dead-letter.ts";
import type { Queue } from "./queue.ts";
import type { QueueEntry } from "./queue-entry.ts";
import type { QueueHost } from "./queue-host.ts";

/** How messages of one queue end that no consumer has: dropped, dead-lettered, or parked where that fails. */
export class Deaths {
  readonly #queue: Queue;
  readonly #host: QueueHost;
  /** To be dead-lettered when it is certain that nobody else has done so. */
  #postponed: { readonly entry: QueueEntry; readonly reason: DeathReason }[] = [];

  constructor(queue: Queue, host: QueueHost) {
    this.#queue = queue;
    this.#host = host;
  }

  /** Stored in its new queue and settled in the old one together: a crash must not come between the two. */
  die(entry: QueueEntry, reason: DeathReason): void {
    const queue = this.#queue;
    const host = this.#host;
    queue.filtered.noteChange();
    const deadLetters = queue.options.deadLetterExchange !== null;
    // The copy may wait in a queue that goes on in any case, and leave in a later turn: the clock is looked at here.
    if (deadLetters && queue.stores && !host.store.ownership.check()) {
      this.#postponed.push({ entry, reason });
      return;
    }
    let done = false;
    const die = (): void => {
      done = host.deadLetter(queue, entry.message, reason);
      if (done) queue.settle(entry);
    };
    if (!deadLetters || entry.message.lsn === 0) die();
    else host.store.atomic(die);
    if (!done) queue.parked.park(entry, "it cannot be dead-lettered");
  }

  /** It may be certain now. */
  resume(): void {
    for (const { entry, reason } of this.#postponed.splice(0)) this.die(entry, reason);
  }

  /** The queue is gone, and they with it. */
  end(): void {
    for (const { entry } of this.#postponed.splice(0)) this.#queue.settle(entry);
  }
}
