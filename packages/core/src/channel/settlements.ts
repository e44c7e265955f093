import { BrokerError } from "../errors.ts";
import type { Message } from "../message.ts";
import type { QueueEntry } from "../queue/queue-entry.ts";
import type { Totals } from "../totals.ts";
import type { Consumer } from "./consumer.ts";
import type { Consumers } from "./consumers.ts";
import { Ledger } from "./ledger.ts";
import type { Transaction } from "./transaction.ts";

/** How a delivery ends: acknowledged, refused for good, given back, or given back as failed. */
export type SettlementKind = "ack" | "reject" | "return" | "fail";

/**
 * What one channel delivered and the client has not settled, and every way in which that ends.
 *
 *     out, in the ledger ──▶ settled
 *          ▲      └────────▶ waits in a transaction ──▶ settled
 *          └── rollback ─────────────┘
 *
 * Settling goes in rounds: credit comes back with each delivery, and what queues send for it follows the last one.
 */
export class Settlements {
  readonly #ledger = new Ledger();
  readonly #consumers: Consumers;
  readonly #totals: Totals;

  constructor(consumers: Consumers, totals: Totals) {
    this.#consumers = consumers;
    this.#totals = totals;
  }

  /** Deliveries that wait for an acknowledgement. */
  get unackedCount(): number {
    return this.#ledger.count;
  }

  /** The next delivery tag, for a delivery that has to be settled. */
  push(entry: QueueEntry): number {
    return this.#ledger.push(entry);
  }

  /** The delivery under `tag` was not made after all. */
  withdraw(tag: number, consumer: Consumer, message: Message): void {
    this.#ledger.take(tag);
    this.#consumers.giveCredit(consumer, message);
  }

  /** The next delivery tag, for a delivery that nobody settles. */
  skip(): number {
    return this.#ledger.skip();
  }

  /**
   * Settles one delivery, or all up to it; tag 0 with `multiple` is all. Where there is a transaction it only buffers.
   * Throws precondition-failed for a tag that is unknown or settled.
   */
  settleTags(tag: number, multiple: boolean, kind: SettlementKind, transaction: Transaction | null): void {
    const ledger = this.#ledger;
    if (multiple && tag === 0) {
      // A rejection may come straight back through a dead-letter exchange: it is no part of "all".
      const lastTag = ledger.lastTag;
      for (let more = true; more; ) more = this.#takeOldest(lastTag, kind, transaction);
    } else if (ledger.find(tag) === null) {
      throw new BrokerError("precondition-failed", `unknown delivery tag ${tag}`);
    } else if (multiple) {
      for (let more = true; more; ) more = this.#takeOldest(tag, kind, transaction);
    } else {
      this.#settleOrBuffer(tag, ledger.take(tag) as QueueEntry, kind, transaction);
    }
    this.#consumers.creditReturned();
  }

  /** Everything that is out goes back to its queue. */
  giveBack(kind: "return" | "fail"): void {
    const lastTag = this.#ledger.lastTag;
    for (let entry = this.#ledger.takeFirst(lastTag); entry !== null; entry = this.#ledger.takeFirst(lastTag)) {
      this.settle(entry, kind);
    }
    this.#consumers.creditReturned();
  }

  // For transactions, which have taken the entry out of the ledger

  /** Ends one delivery; the credit comes back here, deliveries follow in `roundEnded`. */
  settle(entry: QueueEntry, kind: SettlementKind): void {
    const queue = entry.queue;
    queue.unackedCount--;
    if (entry.consumer !== null) this.#consumers.giveCredit(entry.consumer, entry.message);
    switch (kind) {
      case "ack":
        this.#totals.acknowledged++;
        queue.settle(entry);
        break;
      case "reject":
        queue.reject(entry);
        break;
      default:
        queue.requeue(entry, kind === "fail");
        this.#consumers.touch(queue);
    }
  }

  /** The last `settle` of a round is done: queues deliver for the credit. */
  roundEnded(): void {
    this.#consumers.creditReturned();
  }

  /** The transaction was rolled back: the delivery is out again. */
  restore(tag: number, entry: QueueEntry): void {
    this.#ledger.restore(tag, entry);
  }

  #takeOldest(upTo: number, kind: SettlementKind, transaction: Transaction | null): boolean {
    const tag = this.#ledger.firstTag;
    const entry = this.#ledger.takeFirst(upTo);
    if (entry !== null) this.#settleOrBuffer(tag, entry, kind, transaction);
    return entry !== null;
  }

  #settleOrBuffer(tag: number, entry: QueueEntry, kind: SettlementKind, transaction: Transaction | null): void {
    if (transaction === null) this.settle(entry, kind);
    else transaction.settle(this, tag, entry, kind);
  }
}
