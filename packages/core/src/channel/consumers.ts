import { consumerBytes } from "../account/topology-bytes.ts";
import { BrokerError } from "../errors.ts";
import { findField, integerOf } from "../field-value.ts";
import type { Limits } from "../limits.ts";
import { newName } from "../names.ts";
import type { Queue } from "../queue/queue.ts";
import { fieldTypeName } from "../queue/queue-arguments.ts";
import { entryBytes, type QueueEntry } from "../queue/queue-entry.ts";
import type { Turn, TurnWaiter } from "../turn.ts";
import type { Channel } from "./channel.ts";
import { type ConsumeSpec, Consumer } from "./consumer.ts";
import { WaitingConsumers } from "./waiting-consumers.ts";

/** Consumers that join their rounds again in one go, whatever the turn's time. */
const resumedAtOnce = 64;

/** The consumers of one channel and the credit they share. */
export class Consumers implements TurnWaiter {
  readonly #channel: Channel;
  readonly #limits: Limits;
  readonly #turn: Turn;
  readonly #byTag = new Map<string, Consumer>();
  /** True where the channel's prefetch limit and bounds leave room for one more delivery. */
  haveRoom = true;
  #prefetchCount = 0;
  /** Unacknowledged deliveries of all consumers together at a time. */
  #unackedMax: number;
  /** Deliveries to consumers that are not settled yet. What basic.get fetched is nobody's credit. */
  #outstanding = 0;
  /** Memory that those to consumers without a prefetch limit keep. */
  #outstandingBytes = 0;
  /** Those that left their queue's round, or did not join it, because the channel takes nothing: in that order. */
  readonly #waiting = new WaitingConsumers();
  /** As `#waiting`: those that do not mind how much is unacknowledged. */
  readonly #waitingNoAck = new WaitingConsumers();
  #asksForTurn = false;
  #replyQueue: Queue | null = null;
  /** The queue that may have messages for the credit that came back, and, which is rare, further ones. */
  #touched: Queue | null = null;
  #alsoTouched: Set<Queue> | null = null;

  constructor(channel: Channel, limits: Limits) {
    this.#channel = channel;
    this.#limits = limits;
    this.#turn = channel.connection.virtualHost.turn;
    this.#unackedMax = limits.channelUnackedMax;
  }

  get count(): number {
    return this.#byTag.size;
  }

  get replyAddress(): string | null {
    return this.#replyQueue?.name ?? null;
  }

  qos(prefetchCount: number, global: boolean): void {
    const unlimited = this.#limits.channelUnackedMax;
    if (!global) this.#prefetchCount = prefetchCount;
    // As in RabbitMQ, a limit a consumer takes the place of one for the channel.
    this.#unackedMax = !global || prefetchCount === 0 ? unlimited : Math.min(prefetchCount, unlimited);
    this.haveRoom = !this.#isFull();
    this.resume();
  }

  add(queue: Queue, spec: ConsumeSpec): Consumer {
    const tag = this.#claimTag(spec.tag);
    const takenAlready = queue.consumerCount > 0 || queue.options.singleActiveConsumer;
    if (queue.exclusivelyConsumed || (spec.exclusive && takenAlready)) {
      throw new BrokerError("access-refused", `${queue.title} in exclusive use`);
    }
    const priority = priorityOf(queue, spec);
    this.#admit(tag, spec);
    const consumer = new Consumer(this.#channel, queue, tag, spec, priority, this.#prefetchCount);
    this.#enter(consumer);
    queue.addConsumer(consumer);
    this.#channel.connection.virtualHost.queueUsed(queue);
    return consumer;
  }

  addDirectReply(spec: ConsumeSpec): Consumer {
    if (!spec.noAck) throw new BrokerError("precondition-failed", "reply consumer cannot acknowledge");
    if (this.#replyQueue !== null) throw new BrokerError("precondition-failed", "reply consumer already set");
    const tag = this.#claimTag(spec.tag);
    this.#admit(tag, spec);
    const { connection } = this.#channel;
    const queue = connection.virtualHost.openReplyQueue(connection, connection.payer);
    this.#replyQueue = queue;
    const consumer = new Consumer(this.#channel, queue, tag, spec, 0, 0);
    this.#enter(consumer);
    queue.addConsumer(consumer);
    return consumer;
  }

  cancel(tag: string): void {
    const consumer = this.#byTag.get(tag);
    if (consumer === undefined) return;
    this.forget(consumer);
    consumer.queue.removeConsumer(consumer);
    const host = this.#channel.connection.virtualHost;
    if (consumer.queue === this.#replyQueue) this.#closeReplyQueue();
    else host.consumerGone(consumer.queue);
  }

  /** Drops a consumer whose queue is gone; false where it was dropped before. */
  forget(consumer: Consumer): boolean {
    consumer.started = false;
    (consumer.noAck ? this.#waitingNoAck : this.#waiting).remove(consumer);
    if (this.#byTag.get(consumer.tag) !== consumer) return false;
    this.#channel.connection.payer.release(consumer.accountedBytes);
    return this.#byTag.delete(consumer.tag);
  }

  /** Cancels one consumer in each step. */
  *closing(): Generator<void, void> {
    for (const tag of this.#byTag.keys()) {
      this.cancel(tag);
      yield;
    }
  }

  /** One delivery, to be acknowledged, goes to this consumer. */
  takeCredit(consumer: Consumer, entry: QueueEntry): void {
    this.#outstanding++;
    if (consumer.unlimited) this.#outstandingBytes += entry.memoryBytes + entryBytes;
    if (this.#isFull()) this.haveRoom = false;
    if (--consumer.credit === 0) consumer.queue.consumers.refresh(consumer);
  }

  /** One delivery of this consumer was settled. */
  giveCredit(consumer: Consumer, entry: QueueEntry): void {
    this.#outstanding--;
    if (consumer.unlimited) this.#outstandingBytes -= entry.memoryBytes + entryBytes;
    if (!this.haveRoom) this.haveRoom = !this.#isFull();
    consumer.credit++;
    if (consumer.credit === 1 || consumer.following === null) consumer.queue.consumers.refresh(consumer);
    this.touch(consumer.queue);
  }

  /** Remembers that `queue` may be able to deliver; `creditReturned` follows. */
  touch(queue: Queue): void {
    if (this.#touched === queue) return;
    // Nothing is delivered before the round is over: "all up to now" must not meet what it set free itself.
    if (this.#touched === null) this.#touched = queue;
    else (this.#alsoTouched ??= new Set()).add(queue);
  }

  /** The queues that may be able to deliver when this round is over. */
  get touched(): readonly Queue[] {
    if (this.#touched === null) return [];
    return this.#alsoTouched === null ? [this.#touched] : [this.#touched, ...this.#alsoTouched];
  }

  /** A round of settlements is over: full channels have room again, queues with messages deliver. */
  creditReturned(): void {
    this.resume();
    const touched = this.#touched;
    const also = this.#alsoTouched;
    this.#touched = null;
    this.#alsoTouched = null;
    if (touched !== null && touched.readyCount > 0) touched.dispatch();
    if (also !== null) for (const queue of also) if (queue.readyCount > 0) queue.dispatch();
  }

  /** The channel takes nothing for now: `consumer` joins its round again when it does. */
  wait(consumer: Consumer): void {
    (consumer.noAck ? this.#waitingNoAck : this.#waiting).add(consumer);
  }

  /** The channel may have become able to take deliveries: who waits for that joins, as long as it is. */
  resume(): void {
    if (this.#waiting.first === null && this.#waitingNoAck.first === null) return;
    let atOnce = resumedAtOnce;
    while (!this.#channel.paused) {
      const consumer = this.#nextWaiting();
      if (consumer === null) return;
      if (atOnce-- <= 0 && !this.#turn.budget.take()) {
        this.#awaitTurn();
        return;
      }
      (consumer.noAck ? this.#waitingNoAck : this.#waiting).remove(consumer);
      // What a queue has just handed out need not be looked for again.
      if (consumer.queue.consumerChanged(consumer) && this.#touched === consumer.queue) this.#touched = null;
    }
  }

  takeTurn(): void {
    this.#asksForTurn = false;
    this.resume();
  }

  #isFull(): boolean {
    return this.#outstanding >= this.#unackedMax || this.#outstandingBytes >= this.#limits.channelUnackedBytesMax;
  }

  #nextWaiting(): Consumer | null {
    if (this.#waitingNoAck.first !== null) return this.#waitingNoAck.first;
    return this.#channel.acceptsUnacked ? this.#waiting.first : null;
  }

  #awaitTurn(): void {
    if (this.#asksForTurn) return;
    this.#asksForTurn = true;
    this.#turn.wait(this);
  }

  #admit(tag: string, spec: ConsumeSpec): void {
    const bytes = consumerBytes(tag, spec.arguments, spec.heldBytes ?? 0);
    this.#channel.connection.payer.admit(bytes, "cannot add a consumer");
  }

  #enter(consumer: Consumer): void {
    this.#byTag.set(consumer.tag, consumer);
    this.#channel.connection.payer.add(consumer.accountedBytes);
  }

  #closeReplyQueue(): void {
    const queue = this.#replyQueue;
    this.#replyQueue = null;
    if (queue !== null) this.#channel.connection.virtualHost.closeReplyQueue(queue);
  }

  #claimTag(wanted: string): string {
    if (this.#byTag.size >= this.#limits.channelConsumersMax) {
      throw new BrokerError(
        "not-allowed",
        `reached maximum (${this.#limits.channelConsumersMax}) of consumers per channel`,
      );
    }
    if (this.#byTag.has(wanted)) throw new BrokerError("not-allowed", `attempt to reuse consumer tag '${wanted}'`);
    return wanted === "" ? newName("amq.ctag-") : wanted;
  }
}

function priorityOf(queue: Queue, spec: ConsumeSpec): number {
  const value = findField(spec.arguments, "x-priority");
  if (value === undefined) return 0;
  const priority = integerOf(value);
  if (priority === undefined) {
    const why = `{unacceptable_type,${fieldTypeName(value)}}`;
    throw new BrokerError("precondition-failed", `invalid arg 'x-priority' for ${queue.title}: ${why}`);
  }
  return priority;
}
