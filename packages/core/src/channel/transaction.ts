import type { Payer } from "../account/payer.ts";
import { Tab } from "../account/tab.ts";
import { bufferedPublishBytes, bufferedSettlementBytes } from "../account/topology-bytes.ts";
import { BrokerError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import type { Message } from "../message.ts";
import type { QueueEntry } from "../queue/queue-entry.ts";
import type { Route } from "../route.ts";
import { PublishResult } from "./publish-result.ts";
import type { Prepared, Publisher } from "./publisher.ts";
import type { SettlementKind, Settlements } from "./settlements.ts";

interface BufferedPublish {
  readonly route: Route;
  readonly message: Message;
  readonly mandatory: boolean;
  readonly extraRoutes: readonly Route[] | undefined;
}

interface BufferedSettlement {
  /** Of the channel that the delivery was made on. */
  readonly settlements: Settlements;
  readonly tag: number;
  readonly entry: QueueEntry;
  readonly kind: SettlementKind;
}

/**
 * What a transactional channel has been asked for since the last commit or rollback. Protocols whose transactions have
 * names (STOMP) make one for each and pass it to `Channel.ack`, `Channel.reject` and `Channel.commit`.
 */
export class Transaction {
  readonly #limits: Limits;
  #publishes: BufferedPublish[] = [];
  #settlements: BufferedSettlement[] = [];
  #bytes = 0;
  readonly #tab: Tab;

  constructor(limits: Limits, payer: Payer) {
    this.#limits = limits;
    this.#tab = new Tab(payer);
  }

  /** Publishes that wait for the commit. */
  get publishCount(): number {
    return this.#publishes.length;
  }

  /**
   * Buffers a publish. Throws resource-error beyond `transactionOperationsMax` and `transactionBytesMax`, quota-exceeded
   * where the connection has no room.
   */
  publish(route: Route, message: Message, mandatory: boolean, extraRoutes: readonly Route[] | undefined): void {
    this.#bytes += message.memoryBytes;
    if (this.#isFull() || this.#bytes > this.#limits.transactionBytesMax) throw tooLarge();
    this.#tab.admit(bufferedPublishBytes + message.memoryBytes, "the transaction takes no more");
    message.own();
    this.#publishes.push({ route, message, mandatory, extraRoutes });
  }

  /**
   * Buffers a settlement; the entry has left the channel's ledger and waits here. Throws resource-error beyond
   * `transactionOperationsMax`: then it is out again.
   */
  settle(settlements: Settlements, tag: number, entry: QueueEntry, kind: SettlementKind): void {
    if (this.#isFull()) {
      settlements.restore(tag, entry);
      throw tooLarge();
    }
    this.#tab.add(bufferedSettlementBytes);
    this.#settlements.push({ settlements, tag, entry, kind });
  }

  /**
   * Does everything buffered, all of it or nothing surviving a crash; resolves when that is durable. What may refuse it
   * or fail comes before the first write: then it rejects, and is rolled back. Rejects with precondition-failed where a
   * full queue refused one of the publishes; the others stay done (RabbitMQ).
   */
  async commit(publisher: Publisher): Promise<void> {
    const { host } = publisher;
    const settled = new Set<Settlements>();
    let outcome: number = PublishResult.none;
    const prepared = this.#prepare(publisher);
    const lsn = host.store.atomic(() => {
      for (const publish of prepared) outcome |= publisher.publishPrepared(publish);
      for (const { settlements, entry, kind } of this.#takeSettlements()) {
        settled.add(settlements);
        settlements.settle(entry, kind);
      }
    });
    for (const settlements of settled) settlements.roundEnded();
    await host.store.whenDurable(lsn);
    if ((outcome & PublishResult.rejected) !== 0) throw new BrokerError("precondition-failed", "partial tx completion");
  }

  #prepare(publisher: Publisher): readonly Prepared[] {
    try {
      const prepared = this.#publishes.map(({ route, message, mandatory, extraRoutes }) =>
        publisher.prepare(route, message, mandatory, extraRoutes),
      );
      this.#takePublishes();
      return prepared;
    } catch (error) {
      this.rollback();
      throw error;
    }
  }

  // Publishes are taken first, settlements last.

  /** Forgets everything buffered; the deliveries are out again. */
  rollback(): void {
    this.#takePublishes();
    for (const { settlements, tag, entry } of this.#takeSettlements()) settlements.restore(tag, entry);
  }

  #isFull(): boolean {
    return this.#publishes.length + this.#settlements.length >= this.#limits.transactionOperationsMax;
  }

  #takePublishes(): readonly BufferedPublish[] {
    const publishes = this.#publishes;
    this.#publishes = [];
    this.#bytes = 0;
    return publishes;
  }

  #takeSettlements(): readonly BufferedSettlement[] {
    const settlements = this.#settlements;
    this.#settlements = [];
    this.#tab.settle();
    return settlements;
  }
}

function tooLarge(): BrokerError {
  return new BrokerError("resource-error", "transaction is larger than the broker allows");
}
