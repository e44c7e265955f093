import type { Consumer } from "../channel/consumer.ts";
import type { Message } from "../message.ts";
import type { ConsumerSet } from "./consumer-set.ts";
import type { QueueEntry } from "./queue-entry.ts";
import type { ReadyMessages } from "./ready-messages.ts";

/** What the dispatch needs of its queue. */
export interface FilteredQueue {
  readonly ready: ReadyMessages;
  readonly consumers: ConsumerSet;
  deliverTo(consumer: Consumer, entry: QueueEntry): void;
  settle(entry: QueueEntry): void;
  hasExpired(entry: QueueEntry): boolean;
  /** False where the turn's time is over; `run` is called again in a later one. */
  mayDeliver(): boolean;
  /** Takes units of the turn's budget. */
  spend(units: number): void;
}

/**
 * Delivery from a queue some of whose consumers take certain messages only. What none of them wants stays in its place
 * and later messages go past it, up to a bound: a consumer does not look further than `skippedMax` messages that it
 * does not want, so that a long backlog of other people's messages costs it no time.
 *
 *     ready   a b A a a B b …        a consumer of capitals gets A, then B; a and b wait for somebody else
 */
export class FilteredDispatch {
  /** Consumers with a filter; without any the queue goes its usual way. */
  consumerCount = 0;
  readonly #queue: FilteredQueue;
  readonly #skippedMax: number;
  /** Something was removed, came back or came in since the last look. */
  #changed = false;
  /** The consumers that had joined the round by then. */
  #joinsSeen = 0;
  #running = false;
  /** The turn's time was over before every message was looked at. */
  #interrupted = false;
  /** Messages at the beginning that this look has passed by: one in several turns does not begin anew each time. */
  #passed = 0;
  /** How many of them are still to be passed by again. */
  #passing = 0;

  constructor(queue: FilteredQueue, skippedMax: number) {
    this.#queue = queue;
    this.#skippedMax = skippedMax;
  }

  /** Ready messages changed otherwise than by `run` and `takes`. */
  noteChange(): void {
    this.#changed = true;
  }

  /** True where a new entry, of which there is none like it waiting before, went to a consumer or to nobody at all. */
  takes(entry: QueueEntry): boolean {
    const { ready } = this.#queue;
    if (this.#isUnwanted(entry.message)) {
      this.#queue.settle(entry);
      return true;
    }
    if (this.#changed) this.run();
    // Older ones that nobody has looked at yet come first.
    if (this.#interrupted) return false;
    // Beyond the horizon: nobody looks so far.
    if (ready.count >= this.#skippedMax) return false;
    const consumer = this.#pick(entry.message);
    if (consumer === null) return false;
    this.#queue.deliverTo(consumer, entry);
    return true;
  }

  /** Gives every message within the horizon to the first consumer in the round that wants it. */
  run(): void {
    const { ready, consumers } = this.#queue;
    if (this.#running) return;
    if (!this.#changed && !this.#interrupted && consumers.joins === this.#joinsSeen) return;
    if (this.#changed || consumers.joins !== this.#joinsSeen) this.#passed = 0;
    this.#running = true;
    this.#changed = false;
    this.#interrupted = false;
    this.#passing = this.#passed;
    this.#joinsSeen = consumers.joins;
    let skippable = this.#skippedMax;
    const { lists } = ready;
    try {
      for (let index = lists.length - 1; index >= 0 && skippable > 0; index--) {
        skippable = lists[index]?.sift(skippable, (entry) => this.#offer(entry)) ?? skippable;
      }
    } finally {
      this.#running = false;
    }
  }

  #offer(entry: QueueEntry): "taken" | "left" | "enough" {
    const { consumers } = this.#queue;
    if (consumers.peek() === null) return "enough";
    if (this.#passing > 0) {
      this.#passing--;
      return "left";
    }
    if (!this.#queue.mayDeliver()) {
      this.#interrupted = true;
      return "enough";
    }
    // It goes when its turn at the head comes, as everywhere.
    if (this.#queue.hasExpired(entry)) return this.#pass();
    const consumer = this.#pick(entry.message);
    if (consumer !== null) this.#queue.deliverTo(consumer, entry);
    else if (this.#isUnwanted(entry.message)) this.#queue.settle(entry);
    else return this.#pass();
    return "taken";
  }

  #pick(message: Message): Consumer | null {
    const { consumers } = this.#queue;
    const consumer = consumers.pick(message);
    this.#queue.spend(consumers.tried);
    return consumer;
  }

  #pass(): "left" {
    this.#passed++;
    return "left";
  }

  /** True where every consumer refuses the message and says that nobody else needs it. */
  #isUnwanted(message: Message): boolean {
    for (const consumer of this.#queue.consumers.all) {
      if (consumer.filter?.others !== "discard" || consumer.wants(message)) return false;
    }
    return true;
  }
}
