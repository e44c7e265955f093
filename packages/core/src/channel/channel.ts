import type { ClientConnection } from "../client-connection.ts";
import { BrokerError } from "../errors.ts";
import { inSlices, type UnderWay } from "../long-act.ts";
import type { Message } from "../message.ts";
import type { QueueEntry } from "../queue/queue-entry.ts";
import type { Route } from "../route.ts";
import type { Lsn } from "../storage-engine.ts";
import type { VirtualHost } from "../virtual-host.ts";
import type { ChannelSink } from "./channel-sink.ts";
import type { ConsumeSpec, Consumer } from "./consumer.ts";
import { Consumers } from "./consumers.ts";
import { type GotMessage, getMessage } from "./get-message.ts";
import { Publisher } from "./publisher.ts";
import { Settlements } from "./settlements.ts";
import type { Transaction } from "./transaction.ts";

/**
 * One conversation of one client: publishes with their confirms or transactions (`Publisher`), consumers with their
 * credit (`Consumers`), deliveries with their acknowledgements (`Settlements`). An AMQP channel, a STOMP connection and an MQTT
 * session are one each.
 */
export class Channel {
  readonly connection: ClientConnection;
  readonly sink: ChannelSink;
  readonly #host: VirtualHost;
  readonly #publisher: Publisher;
  readonly #consumers: Consumers;
  readonly #settlements: Settlements;
  #paused = false;
  #closed = false;
  /** While the channel is being closed over several turns. */
  #closing: UnderWay | null = null;

  constructor(connection: ClientConnection, sink: ChannelSink) {
    this.connection = connection;
    this.sink = sink;
    this.#host = connection.virtualHost;
    this.#publisher = new Publisher(connection, sink);
    this.#consumers = new Consumers(this, this.#host.store.limits);
    this.#settlements = new Settlements(this.#consumers, this.#host.totals, this.#host.turn);
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
    return this.#settlements.unackedCount;
  }

  get consumerCount(): number {
    return this.#consumers.count;
  }

  /** Publishes that wait for their confirm. */
  get unconfirmedCount(): number {
    return this.#publisher.unconfirmedCount;
  }

  get confirming(): boolean {
    return this.#publisher.confirming;
  }

  /** The channel's own transaction, null where it is in another mode. */
  get transaction(): Transaction | null {
    return this.#publisher.transaction;
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
    return this.#publisher.publish(route, message, mandatory, extraRoutes);
  }

  /** A publish outside of any transaction and without a confirm. */
  publishNow(route: Route, message: Message, mandatory: boolean, extraRoutes?: readonly Route[]): number {
    return this.#publisher.publishNow(route, message, mandatory, extraRoutes);
  }

  /**
   * Enters a confirm for what the adapter published with `publishNow`, to come when `lsn` is durable: where more than
   * the message belongs to it (a retained message, a record). Needs `confirmSelect`.
   */
  expectConfirm(lsn: Lsn): void {
    this.#publisher.expectConfirm(lsn);
  }

  /** As `expectConfirm`, for a refusal: it comes when everything before it has been answered. */
  expectRefusal(): void {
    this.#publisher.expectRefusal();
  }

  /** From now on every publish is counted and confirmed. */
  confirmSelect(): void {
    this.#publisher.confirmSelect();
  }

  // Transactions

  /** From now on publishes and acknowledgements wait for `txCommit`. */
  txSelect(): void {
    this.#publisher.txSelect();
  }

  /** Does everything buffered, as `Transaction.commit` says. */
  txCommit(): Promise<void> {
    return this.commit(this.#requireTransaction());
  }

  /** Forgets what is buffered; settled deliveries are unacknowledged again. */
  txRollback(): void {
    this.rollback(this.#requireTransaction());
  }

  /** As `txCommit` for a transaction of the adapter's own, which may settle deliveries of several channels. */
  commit(transaction: Transaction): Promise<void> {
    return transaction.commit(this.#publisher);
  }

  /** As `txRollback` for a transaction of the adapter's own. Its channels must still be open. */
  rollback(transaction: Transaction): void {
    transaction.rollback();
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

  /** For queues: `consumer` left its round, or did not join it, only because the channel takes nothing. */
  consumerWaits(consumer: Consumer): void {
    this.#consumers.wait(consumer);
  }

  /** Ends a subscription; its unacknowledged deliveries stay. An unknown tag is fine. */
  cancel(tag: string): void {
    this.#consumers.cancel(tag);
  }

  /** Fetches one message. A promise where it has to be read back from the store first. */
  get(queueName: string, noAck: boolean): GotMessage | null | Promise<GotMessage | null> {
    return getMessage(this, this.#settlements, this.connection.readableQueue(queueName), noAck);
  }

  // Settling

  /**
   * Acknowledges one delivery, or all up to it; tag 0 with `multiple` is all. Throws precondition-failed. It waits for
   * the commit of `transaction`, by default the channel's own where it has one. Not null where there are so many that it
   * takes several turns: nothing more of the channel may be done before it has ended.
   */
  ack(
    deliveryTag: number,
    multiple: boolean,
    transaction: Transaction | null = this.#publisher.transaction,
  ): UnderWay | null {
    return this.#settlements.settleTags(deliveryTag, multiple, "ack", transaction);
  }

  /**
   * Gives deliveries back to their queues, or refuses them for good. Whether a return counts as a failed delivery
   * follows `kind`: basic.reject does, basic.nack does not (RabbitMQ 4.3's quorum queues). Not null as in `ack`.
   */
  reject(
    deliveryTag: number,
    multiple: boolean,
    requeue: boolean,
    kind: "reject" | "nack",
    transaction: Transaction | null = this.#publisher.transaction,
  ): UnderWay | null {
    const ending = requeue ? (kind === "reject" ? "fail" : "return") : "reject";
    return this.#settlements.settleTags(deliveryTag, multiple, ending, transaction);
  }

  /** Returns all unacknowledged deliveries to their queues. Not null as in `ack`. */
  recover(): UnderWay | null {
    return this.#settlements.giveBack("return");
  }

  // What the connection tells

  /** The connection's outbox is full: no deliveries until `resume`. */
  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
  }

  /** The connection's outbox has room again. */
  resume(): void {
    if (!this.#paused || this.#closed) return;
    this.#paused = false;
    this.#consumers.resume();
  }

  /**
   * Ends the channel: consumers are gone, unacknowledged deliveries back in their queues. Idempotent. Not null where that
   * takes several turns, and does not reject; from now on the client is told nothing in any case.
   */
  close(): UnderWay | null {
    if (this.#closed) return this.#closing;
    this.#closed = true;
    this.#paused = true;
    this.#publisher.close();
    const closing = inSlices(this.#host.turn, this.#ending());
    if (!(closing instanceof Promise)) return null;
    const failed = (error: unknown): void => this.#host.store.containment.failed("session", error);
    this.#closing = { over: closing.catch(failed) };
    return this.#closing;
  }

  *#ending(): Generator<void | Promise<unknown>, void> {
    // An acknowledgement of very many was there first.
    yield this.#settlements.roundUnderWay?.over;
    this.#publisher.transaction?.rollback();
    // Before the consumers go: the next one of a single-active-consumer queue must find what this one had first.
    yield this.#settlements.giveBack("fail")?.over;
    yield* this.#consumers.closing();
    this.connection.channelClosed(this);
  }

  // Called by queues

  // Both give false where the sink threw, which it must not: then this client is ended, and nobody else feels it.

  /** A delivery that needs no acknowledgement. */
  deliverSettled(consumer: Consumer, message: Message, redelivered: boolean, deliveryCount: number): boolean {
    const tag = this.#settlements.skip();
    try {
      this.sink.deliver(consumer, message, tag, redelivered, deliveryCount);
    } catch (error) {
      return this.#deliveryFailed(consumer, error);
    }
    const totals = this.#host.totals;
    totals.delivered++;
    if (redelivered) totals.redelivered++;
    return true;
  }

  /** A delivery that has to be acknowledged. */
  deliverUnacked(consumer: Consumer, entry: QueueEntry, deliveryCount: number): boolean {
    const tag = this.#settlements.push(entry);
    this.#consumers.takeCredit(consumer, entry);
    try {
      this.sink.deliver(consumer, entry.message, tag, entry.redelivered, deliveryCount);
    } catch (error) {
      this.#settlements.withdraw(tag, consumer, entry);
      return this.#deliveryFailed(consumer, error);
    }
    const totals = this.#host.totals;
    totals.delivered++;
    if (entry.redelivered) totals.redelivered++;
    return true;
  }

  /** Half a frame may stand in the client's outbox, so its connection has to end: behind the work that is under way. */
  #deliveryFailed(consumer: Consumer, error: unknown): false {
    const { containment } = this.#host.store;
    containment.failed("delivery", error, { peer: this.connection.options.peer, queue: consumer.queue.name });
    this.pause();
    this.#host.turn.storageDirty({ endTurn: () => this.connection.fail() });
    return false;
  }

  /** The queue of a consumer is gone; the client may have cancelled in the meantime. */
  queueDeleted(consumer: Consumer): void {
    const forgotten = this.#consumers.forget(consumer);
    if (forgotten && !this.#closed && !this.connection.closed) this.sink.cancelled(consumer);
  }

  #requireTransaction(): Transaction {
    const { transaction } = this.#publisher;
    if (transaction === null) throw new BrokerError("precondition-failed", "channel is not transactional");
    return transaction;
  }
}
