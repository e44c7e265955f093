import type { ClientConnection } from "../client-connection.ts";
import { BrokerError } from "../errors.ts";
import { fanOutAtOnceMax } from "../fan-out.ts";
import type { FieldTable } from "../field-value.ts";
import type { Message } from "../message.ts";
import { withOrigin } from "../origin.ts";
import type { Queue } from "../queue/queue.ts";
import type { Route } from "../route.ts";
import type { Lsn } from "../storage-engine.ts";
import type { DurabilityWaiter } from "../store.ts";
import type { TurnTask } from "../turn.ts";
import type { VirtualHost } from "../virtual-host.ts";
import type { ChannelSink } from "./channel-sink.ts";
import { Confirms } from "./confirms.ts";
import { PublishResult } from "./publish-result.ts";
import { Transaction } from "./transaction.ts";

/** A publish of a transaction that nothing can refuse any more but a full queue. */
export interface Prepared {
  readonly message: Message;
  readonly targets: readonly Queue[];
  readonly mandatory: boolean;
}

/**
 * The publishing side of one channel, in one of three modes for good once it was chosen:
 *
 *     plain ──▶ confirming      each publish is answered when it is durable
 *       └─────▶ transactional   publishes wait in a `Transaction`
 *
 * Messages reach their queues at once; confirms come in the order of the publishes, at the end of the turn and whenever
 * the store has more that is durable.
 */
export class Publisher implements DurabilityWaiter, TurnTask {
  /** Where messages of this client go. */
  readonly host: VirtualHost;
  readonly #connection: ClientConnection;
  readonly #sink: ChannelSink;
  readonly #origin: FieldTable | null;
  #transaction: Transaction | null = null;
  #confirms: Confirms | null = null;
  #confirmsAsked = false;
  #closed = false;

  constructor(connection: ClientConnection, sink: ChannelSink) {
    this.host = connection.virtualHost;
    this.#connection = connection;
    this.#sink = sink;
    this.#origin = connection.origin;
  }

  get confirming(): boolean {
    return this.#confirms !== null;
  }

  /** Publishes that wait for their confirm. */
  get unconfirmedCount(): number {
    return this.#confirms?.pending ?? 0;
  }

  /** What is not committed; null in the other modes. */
  get transaction(): Transaction | null {
    return this.#transaction;
  }

  confirmSelect(): void {
    if (this.#transaction !== null) {
      throw new BrokerError("precondition-failed", "cannot switch from tx to confirm mode");
    }
    this.#confirms ??= new Confirms();
  }

  txSelect(): void {
    if (this.#confirms !== null) {
      throw new BrokerError("precondition-failed", "cannot switch from confirm to tx mode");
    }
    this.#transaction ??= new Transaction(this.host.store.limits, this.#connection.payer);
  }

  /** Publishes as the mode has it. */
  publish(route: Route, message: Message, mandatory: boolean, extraRoutes?: readonly Route[]): number {
    if (this.#transaction !== null) {
      this.#transaction.publish(route, message, mandatory, extraRoutes);
      return PublishResult.routed;
    }
    const result = this.publishNow(route, message, mandatory, extraRoutes);
    if (this.#confirms !== null) {
      if ((result & PublishResult.rejected) !== 0) this.expectRefusal();
      else this.expectConfirm(message.lsn);
    }
    return result;
  }

  /** Publishes at once and without a confirm. */
  publishNow(route: Route, message: Message, mandatory: boolean, extraRoutes?: readonly Route[]): number {
    if (this.#origin === null) return this.#route(route, message, mandatory, extraRoutes);
    return this.#publishWithOrigin(this.#origin, route, message, mandatory, extraRoutes);
  }

  /**
   * Finds out where a buffered publish leads, and makes the message that goes there: everything that can refuse it or
   * fail, before anything is written.
   */
  prepare(route: Route, message: Message, mandatory: boolean, extraRoutes: readonly Route[] | undefined): Prepared {
    const { host } = this;
    const sent = this.#origin === null ? message : withOrigin(message, this.#origin);
    return { message: sent, targets: host.targets(host.refreshed(route), sent, extraRoutes), mandatory };
  }

  /** Publishes what `prepare` has made, in the same turn. */
  publishPrepared({ message, targets, mandatory }: Prepared): number {
    this.host.totals.published++;
    return targets.length !== 0 ? this.#publishTo(targets, message) : this.#unroutable(message, mandatory);
  }

  /** Enters a confirm, to come when `lsn` is durable. Needs `confirmSelect`. */
  expectConfirm(lsn: Lsn): void {
    (this.#confirms as Confirms).add(lsn);
    if (!this.#confirmsAsked) this.#askConfirms();
  }

  /** Enters a refusal, to come when everything before it has been answered. Needs `confirmSelect`. */
  expectRefusal(): void {
    (this.#confirms as Confirms).addRefused();
    if (!this.#confirmsAsked) this.#askConfirms();
  }

  durableAdvanced(durable: Lsn): void {
    const confirms = this.#confirms;
    if (confirms === null) return;
    this.host.totals.confirmed += confirms.advance(durable, this.#sink);
    if (confirms.pending === 0) this.host.store.ignore(this);
  }

  endTurn(): void {
    this.#confirmsAsked = false;
    if (this.#closed || this.#confirms === null) return;
    this.durableAdvanced(this.host.store.engine.durable);
    if (this.#confirms.pending > 0) this.host.store.await(this);
  }

  // A confirm that could not be given leaves the client without the truth about all that follow.

  failed(): void {
    this.#connection.fail();
  }

  durabilityFailed(): void {
    this.#connection.fail();
  }

  /** The channel ends: nobody waits for a confirm any more. */
  close(): void {
    this.#closed = true;
    this.host.store.ignore(this);
  }

  #publishWithOrigin(
    origin: FieldTable,
    route: Route,
    message: Message,
    mandatory: boolean,
    extraRoutes?: readonly Route[],
  ): number {
    const copy = withOrigin(message, origin);
    const result = this.#route(route, copy, mandatory, extraRoutes);
    // The confirm goes by the message that the adapter knows.
    message.lsn = copy.lsn;
    return result;
  }

  #route(route: Route, message: Message, mandatory: boolean, extraRoutes?: readonly Route[]): number {
    const { host } = this;
    host.totals.published++;
    const targets = host.targets(route, message, extraRoutes);
    return targets.length !== 0 ? this.#publishTo(targets, message) : this.#unroutable(message, mandatory);
  }

  #publishTo(targets: readonly Queue[], message: Message): number {
    const { host } = this;
    const result = host.publishTo(targets, message);
    if (targets.length > fanOutAtOnceMax && host.fanOuts.last !== null) {
      this.#connection.waitForFanOut(host.fanOuts.last);
    }
    return result;
  }

  #unroutable(message: Message, mandatory: boolean): number {
    const { totals } = this.host;
    if (mandatory) {
      totals.returned++;
      this.#return(message);
    } else {
      totals.dropped.unroutable++;
    }
    return PublishResult.none;
  }

  /** It may be one of many in a transaction: what it throws must not keep the others from being written. */
  #return(message: Message): void {
    try {
      this.#sink.returned(message);
    } catch (error) {
      this.host.store.containment.failed("delivery", error, { peer: this.#connection.options.peer });
      this.host.turn.storageDirty({ endTurn: () => this.#connection.fail() });
    }
  }

  #askConfirms(): void {
    this.#confirmsAsked = true;
    this.host.turn.storageDirty(this);
  }
}
