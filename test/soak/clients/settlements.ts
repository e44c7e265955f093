import type { QueueFacts, Taken } from "../ledger/queue-facts.ts";

/**
 * The acknowledgements of one connection, on their way to being known durable. No protocol here answers an
 * acknowledgement; so a note is published behind them now and then, and its confirm tells that they are durable too.
 */
export class Settlements {
  readonly #queue: QueueFacts;
  #open: Taken[] = [];
  #underWay = 0;

  constructor(queue: QueueFacts) {
    this.#queue = queue;
  }

  /** Every acknowledgement sent is known to be durable. */
  get idle(): boolean {
    return this.#open.length === 0 && this.#underWay === 0;
  }

  /** The acknowledgement was sent. */
  acknowledged(taken: Taken): void {
    this.#queue.acknowledge(taken);
    this.#open.push(taken);
  }

  /** Publishes a note where there is something to learn; `send` calls back when it is confirmed. */
  note(send: (confirmed: () => void) => void): void {
    if (this.#open.length === 0) return;
    const noted = this.#open;
    this.#open = [];
    this.#underWay++;
    send(() => {
      this.#underWay--;
      for (const taken of noted) this.#queue.settle(taken);
    });
  }
}
