import { BrokerError } from "../errors.ts";
import { inSlices, type UnderWay } from "../long-act.ts";
import type { Queue } from "../queue/queue.ts";
import type { QueueEntry } from "../queue/queue-entry.ts";
import type { Totals } from "../totals.ts";
import type { Turn } from "../turn.ts";
import type { Consumer } from "./consumer.ts";
import type { Consumers } from "./consumers.ts";
import { Ledger } from "./ledger.ts";
import type { Transaction } from "./transaction.ts";

/** Deliveries that one round settles in one go, whatever the turn's time. */
const settledAtOnce = 256;

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
  readonly #turn: Turn;
  #round: UnderWay | null = null;

  constructor(consumers: Consumers, totals: Totals, turn: Turn) {
    this.#consumers = consumers;
    this.#totals = totals;
    this.#turn = turn;
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
  withdraw(tag: number, consumer: Consumer, entry: QueueEntry): void {
    this.#ledger.take(tag);
    this.#consumers.giveCredit(consumer, entry);
  }

  /** The next delivery tag, for a delivery that nobody settles. */
  skip(): number {
    return this.#ledger.skip();
  }

  /**
   * Settles one delivery, or all up to it; tag 0 with `multiple` is all. Where there is a transaction it only buffers.
   * Throws precondition-failed for a tag that is unknown or settled. Not null where it takes several turns.
   */
  settleTags(tag: number, multiple: boolean, kind: SettlementKind, transaction: Transaction | null): UnderWay | null {
    const ledger = this.#ledger;
    // A rejection may come straight back through a dead-letter exchange: it is no part of "all".
    if (multiple && tag === 0) return this.#settleUpTo(ledger.lastTag, kind, transaction);
    if (ledger.find(tag) === null) throw new BrokerError("precondition-failed", `unknown delivery tag ${tag}`);
    if (multiple) return this.#settleUpTo(tag, kind, transaction);
    this.#settleOrBuffer(tag, ledger.take(tag) as QueueEntry, kind, transaction);
    this.#consumers.creditReturned();
    return null;
  }

  /** Everything that is out goes back to its queue. Not null where that takes several turns. */
  giveBack(kind: "return" | "fail"): UnderWay | null {
    return this.#settleUpTo(this.#ledger.lastTag, kind, null);
  }

  /** The round that takes several turns, null where there is none. */
  get roundUnderWay(): UnderWay | null {
    return this.#round;
  }

  #settleUpTo(upTo: number, kind: SettlementKind, transaction: Transaction | null): UnderWay | null {
    for (let count = 0; count < settledAtOnce; count++) {
      if (this.#takeOldest(upTo, kind, transaction) !== null) continue;
      this.#consumers.creditReturned();
      return null;
    }
    const settling = inSlices(this.#turn, this.#settling(upTo, kind, transaction));
    if (!(settling instanceof Promise)) return null;
    const ended = (): void => {
      this.#round = null;
    };
    this.#round = { over: settling.finally(ended) };
    return this.#round;
  }

  /**
   * One delivery in each step. Queues that get theirs back hand out nothing meanwhile: others would be given later messages
   * before those that are still to come back.
   */
  *#settling(upTo: number, kind: SettlementKind, transaction: Transaction | null): Generator<void, void> {
    const returns = transaction === null && (kind === "return" || kind === "fail");
    const held = new Set<Queue>(returns ? this.#consumers.touched : []);
    for (const queue of held) queue.hold();
    try {
      yield;
      for (let entry = this.#takeOldest(upTo, kind, transaction); entry !== null; ) {
        if (returns && !held.has(entry.queue)) {
          held.add(entry.queue);
          entry.queue.hold();
        }
        yield;
        entry = this.#takeOldest(upTo, kind, transaction);
      }
    } finally {
      for (const queue of held) queue.release();
    }
    this.#consumers.creditReturned();
  }

  // For transactions, which have taken the entry out of the ledger

  /** Ends one delivery; the credit comes back here, deliveries follow in `roundEnded`. */
  settle(entry: QueueEntry, kind: SettlementKind): void {
    const queue = entry.queue;
    queue.unackedCount--;
    if (entry.consumer !== null) this.#consumers.giveCredit(entry.consumer, entry);
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

  #takeOldest(upTo: number, kind: SettlementKind, transaction: Transaction | null): QueueEntry | null {
    const tag = this.#ledger.firstTag;
    const entry = this.#ledger.takeFirst(upTo);
    if (entry !== null) this.#settleOrBuffer(tag, entry, kind, transaction);
    return entry;
  }

  #settleOrBuffer(tag: number, entry: QueueEntry, kind: SettlementKind, transaction: Transaction | null): void {
    if (transaction === null) this.settle(entry, kind);
    else transaction.settle(this, tag, entry, kind);
  }
}
