import type { ClientConnection } from "../client-connection.ts";
import { BrokerError } from "../errors.ts";
import type { FieldTable } from "../field-value.ts";
import type { Message } from "../message.ts";
import { withOrigin } from "../origin.ts";
import type { Queue } from "../queue/queue.ts";
import type { QueueEntry } from "../queue/queue-entry.ts";
import type { Route } from "../route.ts";
import type { Lsn } from "../storage-engine.ts";
import type { DurabilityWaiter } from "../store.ts";
import type { TurnTask } from "../turn.ts";
import type { VirtualHost } from "../virtual-host.ts";
import type { ChannelSink } from "./channel-sink.ts";
import { Confirms } from "./confirms.ts";
import type { ConsumeSpec, Consumer } from "./consumer.ts";
import { Consumers } from "./consumers.ts";
import { Ledger } from "./ledger.ts";
import { PublishResult } from "./publish-result.ts";
import { type RejectKind, Transaction } from "./transaction.ts";

/** What basic.get brings. */
export interface GotMessage {
  readonly queue: Queue;
  readonly message: Message;
  readonly deliveryTag: number;
  readonly redelivered: boolean;
  readonly deliveryCount: number;
  /** Ready messages left behind it. */
  readonly readyCount: number;
}

/**
 * One conversation of one client: publishes with their confirms, consumers with their credit, deliveries with their
 * acknowledgements. An AMQP channel, a STOMP connection and an MQTT session are one each.
 */
export class Channel implements DurabilityWaiter, TurnTask {
  readonly connection: ClientConnection;
  readonly sink: ChannelSink;
  readonly #host: VirtualHost;
  readonly #ledger = new Ledger();
  readonly #consumers: Consumers;
  #confirms: Confirms | null = null;
  #confirmsAsked = false;
  #transaction: Transaction | null = null;
  #paused = false;
  #closed = false;

  constructor(connection: ClientConnection, sink: ChannelSink) {
    this.connection = connection;
    this.sink = sink;
    this.#host = connection.virtualHost;
    this.#consumers = new Consumers(this, this.#host.store.limits);
  }

  get closed(): boolean {
    return this.#closed;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** True where one more delivery may wait for its acknowledgement. */
  get acceptsUnacked(): boolean {
    return !this.#paused && this.#consumers.haveRoom;
  }

  get unackedCount(): number {
    return this.#ledger.count;
  }

  get consumerCount(): number {
    return this.#consumers.count;
  }

  /** Publishes that wait for their confirm. */
  get unconfirmedCount(): number {
    return this.#confirms?.pending ?? 0;
  }

  get confirming(): boolean {
    return this.#confirms !== null;
  }

  get transactional(): boolean {
    return this.#transaction !== null;
  }

  /** The address at which this channel takes direct replies, null before `consumeDirectReply`. */
  get replyAddress(): string | null {
    return this.#consumers.replyAddress;
  }

  // Publishing

  /**
   * Where a publish to this exchange with this key goes. Throws not-found or access-refused. Adapters keep the Route
   * and ask again only when `stillValid` says so. `topic` is the exact MQTT topic where the key does not tell it.
   */
  route(exchange: string, routingKey: string, topic: string | null = null): Route {
    return this.connection.publishing.route(exchange, routingKey, topic);
  }

  /** False after a change of topology or permissions. */
  stillValid(route: Route): boolean {
    return route.version === this.#host.topologyVersion;
  }

  /**
   * Publishes one message; the bytes may still be the socket's. `extraRoutes` are the sender's further keys on the same
   * exchange (CC, BCC); a queue reached twice gets one copy. In a transaction it only buffers.
   */
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

  /**
   * Enters a confirm for what the adapter published with `publishNow`, to come when `lsn` is durable: where more than
   * the message belongs to it (a retained message, a record). Needs `confirmSelect`.
   */
  expectConfirm(lsn: Lsn): void {
    (this.#confirms as Confirms).add(lsn);
    if (!this.#confirmsAsked) this.#askConfirms();
  }

  /** As `expectConfirm`, for a refusal: it comes when everything before it has been answered. */
  expectRefusal(): void {
    (this.#confirms as Confirms).addRefused();
    if (!this.#confirmsAsked) this.#askConfirms();
  }

  /** A publish outside of any transaction and without a confirm. */
  publishNow(route: Route, message: Message, mandatory: boolean, extraRoutes?: readonly Route[]): number {
    const { origin } = this.connection;
    if (origin !== null) return this.#publishWithOrigin(origin, route, message, mandatory, extraRoutes);
    return this.#route(route, message, mandatory, extraRoutes);
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
    this.#host.totals.published++;
    const targets = this.#host.targets(route, message, extraRoutes);
    if (targets.length !== 0) return this.#host.publishTo(targets, message);
    if (mandatory) {
      this.#host.totals.returned++;
      this.sink.returned(message);
    } else {
      this.#host.totals.dropped.unroutable++;
    }
    return PublishResult.none;
  }

  /** From now on every publish is counted and confirmed. */
  confirmSelect(): void {
    if (this.#transaction !== null) {
      throw new BrokerError("precondition-failed", "cannot switch from tx to confirm mode");
    }
    this.#confirms ??= new Confirms();
  }

  /** From now on publishes and acknowledgements wait for `txCommit`. */
  txSelect(): void {
    if (this.#confirms !== null) {
      throw new BrokerError("precondition-failed", "cannot switch from confirm to tx mode");
    }
    this.#transaction ??= new Transaction(this.#host.store.limits);
  }

  /**
   * Does everything buffered, all of it or nothing surviving a crash; resolves when that is durable. Rejects with
   * precondition-failed where a full queue refused one of the publishes; the others stay done (RabbitMQ).
   */
  txCommit(): Promise<void> {
    return this.commit(this.#requireTransaction());
  }

  /** Forgets what is buffered; settled deliveries are unacknowledged again. */
  txRollback(): void {
    this.rollback(this.#requireTransaction());
  }

  /** As `txCommit` for a transaction of the adapter's own, which may settle deliveries of several channels. */
  async commit(transaction: Transaction): Promise<void> {
    const channels = new Set<Channel>([this]);
    let outcome: number = PublishResult.none;
    const lsn = this.#host.store.atomic(() => {
      for (const publish of transaction.takePublishes()) {
        const route = this.#host.refreshed(publish.route);
        outcome |= this.publishNow(route, publish.message, publish.mandatory, publish.extraRoutes);
      }
      for (const { channel, entry, kind } of transaction.takeSettlements()) {
        channels.add(channel);
        channel.#settle(entry, kind);
      }
    });
    for (const channel of channels) channel.#consumers.creditReturned();
    await this.#host.store.whenDurable(lsn);
    if ((outcome & PublishResult.rejected) !== 0) throw new BrokerError("precondition-failed", "partial tx completion");
  }

  /** As `txRollback` for a transaction of the adapter's own. Its channels must still be open. */
  rollback(transaction: Transaction): void {
    transaction.takePublishes();
    for (const { channel, tag, entry } of transaction.takeSettlements()) channel.#ledger.restore(tag, entry);
  }

  // Consuming

  /** Unacknowledged deliveries allowed at a time: for each consumer made from now on, or for all of the channel. */
  qos(prefetchCount: number, global: boolean): void {
    this.#consumers.qos(prefetchCount, global);
  }

  /**
   * Subscribes to a queue. Deliveries begin with `Consumer.start`, so that the client hears of the subscription first.
   * Throws not-found, resource-locked, access-refused (no read permission, or the queue is in exclusive use) and
   * not-allowed (tag in use, too many consumers).
   */
  consume(queueName: string, spec: ConsumeSpec): Consumer {
    return this.#consumers.add(this.connection.readableQueue(queueName), spec);
  }

  /** Subscribes to direct replies: an address of this channel's own, without a declared queue behind it. */
  consumeDirectReply(spec: ConsumeSpec): Consumer {
    return this.#consumers.addDirectReply(spec);
  }

  /** Ends a subscription; its unacknowledged deliveries stay. An unknown tag is fine. */
  cancel(tag: string): void {
    this.#consumers.cancel(tag);
  }

  /** Fetches one message. A promise where it has to be read back from the store first. */
  get(queueName: string, noAck: boolean): GotMessage | null | Promise<GotMessage | null> {
    const queue = this.connection.readableQueue(queueName);
    if (queue.options.singleActiveConsumer) {
      const text = `cannot obtain access to locked ${queue.title}. basic.get operations are not supported by classic queues with single active consumer`;
      throw new BrokerError("resource-locked", text);
    }
    const maximum = this.#host.store.limits.channelUnackedMax;
    if (!noAck && this.#ledger.count >= maximum) {
      throw new BrokerError("precondition-failed", `channel has ${maximum} unacknowledged deliveries`);
    }
    this.#host.queueUsed(queue);
    return this.#takeFrom(queue, noAck);
  }

  // Settling

  /**
   * Acknowledges one delivery, or all up to it; tag 0 with `multiple` is all. Throws precondition-failed. It waits for
   * the commit of `transaction`, by default the channel's own where it has one.
   */
  ack(deliveryTag: number, multiple: boolean, transaction: Transaction | null = this.#transaction): void {
    this.#settleTags(deliveryTag, multiple, "ack", transaction);
  }

  /**
   * Gives deliveries back to their queues, or refuses them for good. Whether a return counts as a failed delivery
   * follows `kind`: basic.reject does, basic.nack does not (RabbitMQ 4.3's quorum queues).
   */
  reject(
    deliveryTag: number,
    multiple: boolean,
    requeue: boolean,
    kind: "reject" | "nack",
    transaction: Transaction | null = this.#transaction,
  ): void {
    const ending = requeue ? (kind === "reject" ? "fail" : "return") : "reject";
    this.#settleTags(deliveryTag, multiple, ending, transaction);
  }

  /** Returns all unacknowledged deliveries to their queues. */
  recover(): void {
    this.#giveBack("return");
    this.#consumers.creditReturned();
  }

  /** The connection's outbox is full: no deliveries until `resume`. */
  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#consumers.refreshAll();
  }

  /** The connection's outbox has room again. */
  resume(): void {
    if (!this.#paused || this.#closed) return;
    this.#paused = false;
    this.#consumers.refreshAll();
  }

  /** Ends the channel: consumers are gone, unacknowledged deliveries back in their queues. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#transaction !== null) this.txRollback();
    this.#paused = true;
    this.#consumers.refreshAll();
    // Before the consumers go: the next one of a single-active-consumer queue must find what this one had first.
    this.#giveBack("fail");
    this.#consumers.closeAll();
    this.#host.store.ignore(this);
    this.connection.channelClosed(this);
  }

  // Called by queues

  /** A delivery that needs no acknowledgement. */
  deliverSettled(consumer: Consumer, message: Message, redelivered: boolean, deliveryCount: number): void {
    const totals = this.#host.totals;
    totals.delivered++;
    if (redelivered) totals.redelivered++;
    this.sink.deliver(consumer, message, this.#ledger.skip(), redelivered, deliveryCount);
  }

  /** A delivery that has to be acknowledged. */
  deliverUnacked(consumer: Consumer, entry: QueueEntry, deliveryCount: number): void {
    const totals = this.#host.totals;
    totals.delivered++;
    if (entry.redelivered) totals.redelivered++;
    const tag = this.#ledger.push(entry);
    this.#consumers.takeCredit(consumer);
    this.sink.deliver(consumer, entry.message, tag, entry.redelivered, deliveryCount);
  }

  /** The queue of a consumer is gone; the client may have cancelled in the meantime. */
  queueDeleted(consumer: Consumer): void {
    if (this.#consumers.forget(consumer)) this.sink.cancelled(consumer);
  }

  // Durability

  durableAdvanced(durable: Lsn): void {
    const confirms = this.#confirms;
    if (confirms === null) return;
    this.#host.totals.confirmed += confirms.advance(durable, this.sink);
    if (confirms.pending === 0) this.#host.store.ignore(this);
  }

  endTurn(): void {
    this.#confirmsAsked = false;
    if (this.#closed || this.#confirms === null) return;
    this.durableAdvanced(this.#host.store.engine.durable);
    if (this.#confirms.pending > 0) this.#host.store.await(this);
  }

  #askConfirms(): void {
    this.#confirmsAsked = true;
    this.#host.turn.storageDirty(this);
  }

  #requireTransaction(): Transaction {
    if (this.#transaction === null) throw new BrokerError("precondition-failed", "channel is not transactional");
    return this.#transaction;
  }

  async #waitAndTake(queue: Queue, noAck: boolean): Promise<GotMessage | null> {
    await queue.whenPagedIn();
    return this.#closed ? null : this.#takeFrom(queue, noAck);
  }

  #takeFrom(queue: Queue, noAck: boolean): GotMessage | null | Promise<GotMessage | null> {
    const entry = queue.take();
    if (entry === null) return queue.ready.count > 0 && !queue.deleted ? this.#waitAndTake(queue, noAck) : null;
    const totals = this.#host.totals;
    totals.delivered++;
    if (entry.redelivered) totals.redelivered++;
    if (noAck) queue.settle(entry);
    else queue.unackedCount++;
    return {
      queue,
      message: entry.message,
      deliveryTag: noAck ? this.#ledger.skip() : this.#ledger.push(entry),
      redelivered: entry.redelivered,
      deliveryCount: queue.countsDeliveries ? entry.deliveryCount : 0,
      readyCount: queue.ready.count,
    };
  }

  #settleTags(tag: number, multiple: boolean, kind: RejectKind | "ack", transaction: Transaction | null): void {
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

  #takeOldest(upTo: number, kind: RejectKind | "ack", transaction: Transaction | null): boolean {
    const tag = this.#ledger.firstTag;
    const entry = this.#ledger.takeFirst(upTo);
    if (entry !== null) this.#settleOrBuffer(tag, entry, kind, transaction);
    return entry !== null;
  }

  #settleOrBuffer(tag: number, entry: QueueEntry, kind: RejectKind | "ack", transaction: Transaction | null): void {
    if (transaction === null) this.#settle(entry, kind);
    else transaction.settle(this, tag, entry, kind);
  }

  /** Ends one delivery; the credit comes back here, deliveries follow in `creditReturned`. */
  #settle(entry: QueueEntry, kind: RejectKind | "ack"): void {
    const queue = entry.queue;
    queue.unackedCount--;
    if (entry.consumer !== null) this.#consumers.giveCredit(entry.consumer);
    switch (kind) {
      case "ack":
        this.#host.totals.acknowledged++;
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

  #giveBack(kind: "return" | "fail"): void {
    const lastTag = this.#ledger.lastTag;
    for (let entry = this.#ledger.takeFirst(lastTag); entry !== null; entry = this.#ledger.takeFirst(lastTag)) {
      this.#settle(entry, kind);
    }
    this.#consumers.creditReturned();
  }
}
