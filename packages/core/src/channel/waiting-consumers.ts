import type { Consumer } from "./consumer.ts";

/**
 * Consumers that their channel keeps from taking messages, first come first. Every acknowledgement on a full channel moves one
 * in and out, so the list is made of the consumers themselves and allocates nothing.
 *
 *     first -> A <-> B <-> C <- last
 */
export class WaitingConsumers {
  #first: Consumer | null = null;
  #last: Consumer | null = null;

  /** Who has waited longest, null where nobody does. */
  get first(): Consumer | null {
    return this.#first;
  }

  /** Nothing happens where it waits already. */
  add(consumer: Consumer): void {
    if (consumer.waits) return;
    consumer.waits = true;
    consumer.waitsBehind = this.#last;
    if (this.#last === null) this.#first = consumer;
    else this.#last.waitsBefore = consumer;
    this.#last = consumer;
  }

  /** Nothing happens where it does not wait. */
  remove(consumer: Consumer): void {
    if (!consumer.waits) return;
    consumer.waits = false;
    const { waitsBehind, waitsBefore } = consumer;
    if (waitsBehind === null) this.#first = waitsBefore;
    else waitsBehind.waitsBefore = waitsBefore;
    if (waitsBefore === null) this.#last = waitsBehind;
    else waitsBefore.waitsBehind = waitsBehind;
    consumer.waitsBehind = null;
    consumer.waitsBefore = null;
  }
}
