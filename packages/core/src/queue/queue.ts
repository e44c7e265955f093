import type { Payer } from "../account/payer.ts";
import { queueBytes } from "../account/topology-bytes.ts";
import type { Consumer } from "../channel/consumer.ts";
import { resourceName } from "../errors.ts";
import type { Binding } from "../exchange/binding.ts";
import type { FanOut } from "../fan-out.ts";
import type { FieldTable } from "../field-value.ts";
import type { Message } from "../message.ts";
import type { Lsn, StoredMessage } from "../storage-engine.ts";
import type { TurnBudget } from "../turn-budget.ts";
import type { TurnWaiter } from "../turn.ts";
import { ConsumerSet } from "./consumer-set.ts";
import { Deaths } from "./deaths.ts";
import { type ExpiringQueue, ExpiryWatch } from "./expiry-watch.ts";
import { type FetchedQueue, Fetching } from "./fetching.ts";
import { FilteredDispatch, type FilteredQueue } from "./filtered-dispatch.ts";
import type { QueueArguments } from "./queue-arguments.ts";
import { type BoundedQueue, QueueBounds } from "./queue-bounds.ts";
import { QueueEntry } from "./queue-entry.ts";
import type { QueueIdentity } from "./queue-identity.ts";
import { LateMessages } from "./late-messages.ts";
import { ParkedMessages } from "./parked-messages.ts";
import type { QueueHost, QueueOwner } from "./queue-host.ts";
import { ReadyMessages } from "./ready-messages.ts";

export type { QueueSpec } from "./queue-identity.ts";

/** A copy of so many bytes, 4 KiB, is a unit of the turn's budget. */
const bytesPerUnitShift = 12;

/**
 * A queue: ready messages in order, consumers in their round, and what is out with consumers by count. A publish takes
 * one of three ways, asked for in this order by the channel:
 *
 *     deliverNow   an idle auto-ack consumer takes it straight from the socket's bytes
 *     refuses      full, and the overflow rule says to tell the publisher
 *     enqueue      copied, stored by then, delivered or kept ready
 */
export class Queue implements FilteredQueue, ExpiringQueue, BoundedQueue, FetchedQueue, TurnWaiter {
  readonly kind = "queue" as const;
  readonly id: number;
  readonly name: string;
  readonly durable: boolean;
  readonly exclusive: boolean;
  readonly autoDelete: boolean;
  readonly arguments: FieldTable;
  readonly options: QueueArguments;
  readonly owner: QueueOwner | null;
  /** True where persistent messages go to the storage engine. */
  readonly stores: boolean;
  /** This queue's id alone, so that the usual append allocates nothing. */
  readonly idList: readonly number[];
  ready: ReadyMessages;
  readonly consumers: ConsumerSet;
  /** The way of delivery while a consumer takes certain messages only. */
  readonly filtered: FilteredDispatch;
  /** What a fault keeps from being handed on. */
  readonly parked: ParkedMessages;
  readonly bounds: QueueBounds;
  /** When messages run out. */
  readonly expiry: ExpiryWatch;
  /** Bindings that lead here. */
  readonly incoming: Set<Binding> = new Set();
  /** True where deliveries carry `x-delivery-count`. */
  readonly countsDeliveries: boolean;
  /** The user whose clients alone may have it, null for everybody. */
  reservedFor: string | null;
  /** Who made it, and in whose name it dead-letters; where nobody knows who, it may dead-letter to everything. */
  readonly payer: Payer;
  /** What it weighs in the payer's accounts, messages aside. */
  readonly accountedBytes: number;
  unackedCount = 0;
  deleted = false;
  readonly #host: QueueHost;
  readonly #budget: TurnBudget;
  #exclusiveConsumer: Consumer | null = null;
  readonly #fetching: Fetching;
  readonly #deaths: Deaths;
  #lastPlace = 0;
  readonly #late = new LateMessages();
  /** True where a publish may go straight to a consumer that waits: nothing of the queue's own is to be looked at first. */
  #straight: boolean;
  #waitsForTurn = false;
  /** Why nothing is handed out for now. */
  #holds = 0;

  constructor(identity: QueueIdentity, host: QueueHost) {
    const { spec, options } = identity;
    this.id = identity.id;
    this.name = identity.name;
    this.durable = spec.durable;
    this.exclusive = spec.exclusive;
    this.autoDelete = spec.autoDelete;
    this.arguments = spec.arguments;
    this.options = options;
    this.owner = identity.owner;
    this.reservedFor = spec.reservedFor ?? null;
    this.payer = identity.payer;
    this.accountedBytes = queueBytes(identity.name, spec.arguments);
    this.stores = spec.durable && !spec.exclusive && host.store.engine.persistent;
    this.idList = [identity.id];
    this.#host = host;
    this.#budget = host.turn.budget;
    this.countsDeliveries = options.deliveryLimit >= 0 || options.type === "quorum";
    this.parked = new ParkedMessages(this, host);
    this.ready = this.#newReady();
    this.bounds = new QueueBounds(this);
    this.expiry = new ExpiryWatch(this, host.store.clock, options.messageTtlMs);
    this.consumers = new ConsumerSet(options.singleActiveConsumer);
    this.filtered = new FilteredDispatch(this, host.store.limits.filterSkippedMax);
    this.#fetching = new Fetching(this);
    this.#deaths = new Deaths(this, host);
    this.#straight = !this.bounds.refuses;
  }

  /** `queue 'q' in vhost '/'`. */
  get title(): string {
    return resourceName("queue", this.name, this.#host.name);
  }

  get readyCount(): number {
    return this.ready.count + this.#late.count;
  }

  get consumerCount(): number {
    return this.consumers.count;
  }

  /** True while one consumer has the queue to itself. */
  get exclusivelyConsumed(): boolean {
    return this.#exclusiveConsumer !== null;
  }

  /** Hands an un-owned message to an idle auto-ack consumer; false where there is none. */
  deliverNow(message: Message): boolean {
    if (!this.#straight && !this.#clear(message)) return false;
    const consumer = this.consumers.peek();
    if (consumer === null || !consumer.settlesAtOnce(message) || this.ready.count > 0 || this.#doubtful) return false;
    this.consumers.served(consumer);
    return consumer.channel.deliverSettled(consumer, message, false, 0);
  }

  /** True where a publish may go straight to a consumer that waits, as far as the queue itself has a say. */
  #clear(message: Message): boolean {
    this.catchUp();
    if (this.filtered.consumerCount > 0 || this.withheld) return false;
    // What the empty queue is too small for is refused however many consumers wait (RabbitMQ).
    return !this.bounds.refuses || !this.bounds.full(message.bodyBytes);
  }

  /** What `#straight` depends on has changed. */
  #lookStraight(): void {
    const { bounds, filtered } = this;
    this.#straight = this.#late.count === 0 && filtered.consumerCount === 0 && this.#holds === 0 && !bounds.refuses;
  }

  /** True where the queue is full and the publisher is to hear of it; `reject-publish-dlx` dead-letters it as well. */
  refuses(message: Message): boolean {
    if (!this.isFullFor(message)) return false;
    this.refused(message);
    return true;
  }

  /** True where the queue is full and the publisher is to hear of it; `refused` follows. */
  isFullFor(message: Message): boolean {
    if (!this.bounds.refuses) return false;
    // Some of them may go straight to consumers.
    this.catchUp();
    return this.bounds.full(message.bodyBytes);
  }

  /** The message was refused: dead-letters it where the overflow rule says so. */
  refused(message: Message): void {
    if (this.options.overflow === "reject-publish-dlx") this.#host.deadLetter(this, message, "maxlen");
  }

  /** The message of `fanOut` is late: it stands behind those that are ready. */
  addLate(fanOut: FanOut): void {
    this.#late.add(fanOut);
    this.#lookStraight();
  }

  /** True where the message of `fanOut` has not come yet. */
  awaits(fanOut: FanOut): boolean {
    return this.#late.has(fanOut);
  }

  /** Takes the messages that are late. */
  catchUp(): void {
    if (this.#late.count === 0) return;
    const late = this.#late.takeAll();
    this.#lookStraight();
    for (const { message } of late) {
      if (this.deleted) this.settleStored(message.persistent ? message.lsn : 0);
      else if ((this.stores && message.persistent) || !this.deliverNow(message)) this.enqueue(message, false);
    }
  }

  /** Takes a message that is stored by now where it has to be. `alone`: it goes to no other queue. */
  enqueue(message: Message, alone: boolean): void {
    message.own();
    const entry = new QueueEntry(this, message, ++this.#lastPlace, this.expiry.expiresAtMs(message));
    this.#host.store.hold(entry, alone);
    if (!this.#straight || this.#doubtful) {
      if (this.#takeWithCare(entry)) return;
    } else if (this.ready.count === 0 && this.#takeAtOnce(entry)) return;
    if (!message.persistent && this.#overloaded()) {
      this.settle(entry);
      return;
    }
    this.ready.push(entry);
    this.bounds.dropOver();
    if (entry.expiresAtMs !== 0) this.expiry.watch(entry.expiresAtMs);
  }

  #takeWithCare(entry: QueueEntry): boolean {
    if (this.withheld) this.filtered.noteChange();
    else if (this.filtered.consumerCount > 0) return this.filtered.takes(entry);
    else if (this.ready.count === 0) return this.#takeAtOnce(entry);
    return false;
  }

  /** False where it has to wait for a consumer. */
  #takeAtOnce(entry: QueueEntry): boolean {
    const consumer = this.consumers.peek();
    if (consumer !== null) {
      this.deliverTo(consumer, entry);
      return true;
    }
    // A time to live of 0: nobody took it at once, so nobody ever sees it.
    if (!this.hasExpired(entry)) return false;
    this.#deaths.die(entry, "expired");
    return true;
  }

  /** True where no more transient messages may gather; counts the one that is dropped for it. */
  #overloaded(): boolean {
    const { transientLengthMax } = this.options;
    if (transientLengthMax < 0 || this.ready.count < transientLengthMax) return false;
    this.#host.totals.dropped.overload++;
    return true;
  }

  /** Takes over a message that recovery found; `ExpiryWatch.drop` follows when all are there. */
  restore(message: StoredMessage): void {
    const { expirationMs, publishedAtMs } = message;
    this.ready.restore(message, ++this.#lastPlace, this.expiry.storedExpiresAtMs(expirationMs, publishedAtMs));
  }

  /** Delivers ready messages while there are consumers that take them. */
  dispatch(): void {
    this.#deliverReady();
    this.expiry.look();
  }

  /** Hands out what gathered, and drops what ran out or over, while nothing might be handed out. */
  resume(): void {
    this.#deaths.resume();
    this.bounds.dropOver();
    this.dispatch();
    this.#fetching.wake();
  }

  /** True where nothing may be handed out for now. */
  get withheld(): boolean {
    return this.#holds > 0 || this.#doubtful;
  }

  /** True where what is stored may be somebody else's by now. Messages of queues that do not store are nobody else's. */
  get #doubtful(): boolean {
    return this.stores && !this.#host.store.ownership.certain;
  }

  /** Hands out nothing until `release`: messages come back turn by turn. */
  hold(): void {
    this.#holds++;
    this.#lookStraight();
  }

  release(): void {
    this.#holds--;
    this.#lookStraight();
    if (this.#holds > 0 || this.deleted) return;
    this.dispatch();
    this.#fetching.wake();
  }

  /** True where nothing may be dead-lettered; what runs out or over stays ready, and in the store, until it may. */
  get keepsDead(): boolean {
    return this.options.deadLetterExchange !== null && this.#doubtful;
  }

  #deliverReady(): void {
    if (this.withheld) return;
    if (this.filtered.consumerCount > 0) {
      this.filtered.run();
      return;
    }
    for (let list = this.ready.first(); list !== null; list = this.ready.first()) {
      const consumer = this.consumers.peek();
      if (consumer === null || !this.mayDeliver()) return;
      const entry = list.shift();
      if (entry === null) return;
      if (this.hasExpired(entry)) this.#deaths.die(entry, "expired");
      else this.deliverTo(consumer, entry);
    }
  }

  /** False where the turn's time is over: what is ready is handed out in a later one. */
  mayDeliver(): boolean {
    if (this.#budget.take()) return true;
    this.#awaitTurn();
    return false;
  }

  /** As `mayDeliver`, for what may be dead-lettered to very many queues. */
  mayExpire(): boolean {
    if (!this.#host.fanOuts.crowded) return this.mayDeliver();
    this.#awaitTurn();
    return false;
  }

  #awaitTurn(): void {
    if (this.#waitsForTurn) return;
    this.#waitsForTurn = true;
    this.#host.turn.wait(this);
  }

  spend(units: number): void {
    this.#budget.left -= units;
  }

  takeTurn(): void {
    this.#waitsForTurn = false;
    if (this.deleted) return;
    this.#deaths.resume();
    this.bounds.dropOver();
    this.dispatch();
    this.expiry.finish();
    this.#fetching.goOn();
  }

  /** Messages came back into memory: bounds, expiry and gets that had to wait for them are looked at again. */
  pagedIn(): void {
    this.bounds.dropOver();
    this.expiry.finish();
    this.#fetching.wake();
  }

  /** Resolves when messages that are being read back, withheld, or behind many that ran out, may be there, for `take`. */
  whenPagedIn(): Promise<void> {
    return this.#fetching.whenPossible();
  }

  /** basic.get: the next message or null. The caller settles it or gives it back. */
  take(): QueueEntry | null {
    this.catchUp();
    const entry = this.#fetching.take();
    this.expiry.look();
    return entry;
  }

  /** A delivered entry is done with: acknowledged, or taken without acknowledgement. */
  settle(entry: QueueEntry): void {
    this.#host.store.letGo(entry);
    if (this.stores) this.settleStored(entry.message.lsn);
  }

  /** As `settle`, for a message that is not in memory. */
  settleStored(lsn: Lsn): void {
    if (this.stores && lsn > 0) this.#host.store.settle(this.id, lsn);
  }

  /** A consumer gives an entry back. `failed` counts against the delivery limit. Order is kept by place. */
  requeue(entry: QueueEntry, failed: boolean): void {
    entry.consumer = null;
    if (this.deleted) {
      this.settle(entry);
      return;
    }
    entry.redelivered = true;
    if (failed) entry.deliveryCount++;
    const limit = this.options.deliveryLimit;
    if (limit >= 0 && entry.deliveryCount > limit) {
      this.#deaths.die(entry, "delivery_limit");
      return;
    }
    if (this.hasExpired(entry)) {
      this.#deaths.die(entry, "expired");
      return;
    }
    this.filtered.noteChange();
    this.ready.requeue(entry);
    this.bounds.dropOver();
    if (entry.expiresAtMs !== 0) this.expiry.watch(entry.expiresAtMs);
  }

  /** A consumer refuses an entry for good. */
  reject(entry: QueueEntry): void {
    if (this.deleted) this.settle(entry);
    else this.#deaths.die(entry, "rejected");
  }

  addConsumer(consumer: Consumer): void {
    if (consumer.exclusive) this.#exclusiveConsumer = consumer;
    if (consumer.filter !== null) this.filtered.consumerCount++;
    this.#lookStraight();
    this.consumers.add(consumer);
  }

  removeConsumer(consumer: Consumer): void {
    if (this.#exclusiveConsumer === consumer) this.#exclusiveConsumer = null;
    if (consumer.filter !== null) this.filtered.consumerCount--;
    this.#lookStraight();
    this.consumers.remove(consumer);
    if (!this.deleted && this.ready.count > 0) this.dispatch();
  }

  /** The consumer's credit or its channel's state changed: true where it takes messages, which it was given. */
  consumerChanged(consumer: Consumer): boolean {
    this.consumers.refresh(consumer);
    if (consumer.following === null) return false;
    if (this.ready.count > 0) this.dispatch();
    return true;
  }

  /** Drops all ready messages and returns how many there were. Unacknowledged ones stay with their consumers. */
  purge(): number {
    const { count, settling } = this.beginPurge();
    while (settling.next().done !== true);
    return count;
  }

  /** As `purge`, in steps: the messages are not ready from now on, and each step settles one. */
  beginPurge(): { readonly count: number; readonly settling: Generator<void, void> } {
    this.catchUp();
    const doomed = this.ready;
    this.ready = this.#newReady();
    for (const lsn of this.parked.takeAll()) this.settleStored(lsn);
    const { count } = doomed;
    this.#host.totals.dropped.purged += count;
    this.filtered.noteChange();
    // Whoever waited for a page learns that it will not come.
    this.pagedIn();
    return { count, settling: doomed.clearing() };
  }

  #newReady(): ReadyMessages {
    return new ReadyMessages(this, this.options.priorityMax, this.#host.store, this.#host.logger);
  }

  /** Ends the queue's timers; the virtual host has taken it out of every list. */
  retire(): void {
    this.deleted = true;
    this.expiry.end();
    this.#deaths.end();
    this.pagedIn();
  }

  /** Hands an entry that is not ready any more to a consumer of the round. */
  deliverTo(consumer: Consumer, entry: QueueEntry): void {
    this.consumers.served(consumer);
    this.#budget.left -= entry.message.bodyBytes >>> bytesPerUnitShift;
    const deliveryCount = this.countsDeliveries ? entry.deliveryCount : 0;
    if (consumer.settlesAtOnce(entry.message)) {
      if (consumer.channel.deliverSettled(consumer, entry.message, entry.redelivered, deliveryCount))
        this.settle(entry);
      else this.#deliveryFailed(entry);
    } else {
      entry.consumer = consumer;
      this.unackedCount++;
      if (consumer.channel.deliverUnacked(consumer, entry, deliveryCount)) return;
      this.unackedCount--;
      this.#deliveryFailed(entry);
    }
  }

  /** The consumer is on its way out. Whose fault it was shows when the next one is offered the message. */
  #deliveryFailed(entry: QueueEntry): void {
    if (!this.deleted && this.parked.suspect(entry)) this.parked.park(entry, "it cannot be delivered");
    else this.requeue(entry, true);
  }

  dropHead(entry: QueueEntry): void {
    this.#deaths.die(entry, this.hasExpired(entry) ? "expired" : "maxlen");
  }

  /** True where the entry's time is up. */
  hasExpired(entry: QueueEntry): boolean {
    return this.expiry.hasExpired(entry);
  }

  expire(entry: QueueEntry): void {
    this.#deaths.die(entry, "expired");
  }
}
