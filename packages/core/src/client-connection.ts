import type { Payer } from "./account/payer.ts";
import { channelBytes, connectionBytes } from "./account/topology-bytes.ts";
import type { Permission, User } from "./auth/user.ts";
import type { Broker } from "./broker.ts";
import { Channel } from "./channel/channel.ts";
import type { ChannelSink } from "./channel/channel-sink.ts";
import { BrokerError, permissionRefused, resourceName } from "./errors.ts";
import type { BindingSpec } from "./exchange/binding.ts";
import type { ExchangeSpec } from "./exchange/exchange.ts";
import { permissionKeyOf } from "./exchange/topic-filter-binding.ts";
import { type FieldTable, findField } from "./field-value.ts";
import { inSlices, type UnderWay } from "./long-act.ts";
import { newName } from "./names.ts";
import { originHeaders } from "./origin.ts";
import { Publishing } from "./publishing.ts";
import type { Queue, QueueSpec } from "./queue/queue.ts";
import type { QueueOwner } from "./queue/queue-host.ts";
import { stopReasons } from "./stop-reasons.ts";
import { lockedQueue, requireNamed, requireUnreserved, reservedQueue } from "./topology-refusals.ts";
import type { VirtualHost } from "./virtual-host.ts";

/** Who connected, how, and how to end it. */
export interface ConnectionOptions {
  readonly virtualHost: string;
  readonly user: User;
  /** For lists and log lines. */
  readonly name: string;
  /** "AMQP 0-9-1", "STOMP 1.2", "MQTT 5.0". */
  readonly protocol: string;
  readonly peer: string;
  /** MQTT's client id, for topic permissions. */
  readonly clientId?: string;
  /** The broker wants the connection gone: shutdown, its virtual host deleted, closed by an operator. */
  readonly onClose: (reason: string) => void;
  /** The server's own: what it defines is not refused while memory is low. Default false. */
  readonly isSystem?: boolean;
  /** Stops and frees the reading of what the client sends; without it nothing that it sends waits. */
  readonly wire?: StoppedWire;
}

/** What a client connection does to the bytes that come. */
interface StoppedWire {
  /** Stops reading for `reason`, one of `stopReasons`. */
  stop(reason: number): void;
  /** `reason` is over. */
  proceed(reason: number): void;
}

/**
 * One authenticated client on one virtual host. Everything a client may ask of the topology goes through here: user
 * permissions, exclusive queues and reserved names are checked, in RabbitMQ's order and words.
 */
export class ClientConnection implements QueueOwner {
  readonly broker: Broker;
  readonly virtualHost: VirtualHost;
  readonly options: ConnectionOptions;
  user: User;
  /** The routes of this client's publishes; its channels share them. */
  publishing: Publishing;
  /** Headers that every message of this client gets, null where the broker adds none. */
  readonly origin: FieldTable | null;
  /** Pays for what ends with this connection. */
  readonly payer: Payer;
  readonly #channels = new Set<Channel>();
  readonly #exclusiveQueues = new Set<Queue>();
  /** Messages of this client on their way to many queues. */
  #fanOuts = 0;
  #closed = false;
  /** While the connection is being closed over several turns. */
  #closing: UnderWay | null = null;

  constructor(broker: Broker, virtualHost: VirtualHost, options: ConnectionOptions) {
    this.broker = broker;
    this.virtualHost = virtualHost;
    this.options = options;
    this.user = options.user;
    this.origin = broker.addsOrigin ? originHeaders(options) : null;
    this.payer = broker.topologyAccounts.connectionPayer(
      virtualHost.name,
      options.user.name,
      options.name,
      options.isSystem,
    );
    // Counted and not asked about: somebody must be able to come and make room. `connectionsMax` bounds them.
    this.payer.add(connectionBytes);
    this.publishing = new Publishing(this.payer, virtualHost, options.user, options.clientId ?? "");
  }

  get name(): string {
    return this.options.name;
  }

  get channels(): ReadonlySet<Channel> {
    return this.#channels;
  }

  /** True from the moment on in which its end begins. */
  get closed(): boolean {
    return this.#closed;
  }

  openChannel(sink: ChannelSink): Channel {
    // The first is as free as the connection.
    if (this.#channels.size > 0) this.payer.admit(channelBytes, "cannot open a channel");
    const channel = new Channel(this, sink);
    this.payer.add(channelBytes);
    this.#channels.add(channel);
    this.broker.totals.channelsOpened++;
    return channel;
  }

  /** Channels report their end. */
  channelClosed(channel: Channel): void {
    if (!this.#channels.delete(channel)) return;
    this.broker.totals.channelsClosed++;
    this.payer.release(channelBytes);
  }

  /** The client's credentials were renewed. */
  updateUser(user: User): void {
    this.user = user;
    this.publishing.forget();
    this.publishing = new Publishing(this.payer, this.virtualHost, user, this.options.clientId ?? "");
    // Remembered routes carry the old user's permissions.
    this.virtualHost.topologyVersion++;
  }

  async declareExchange(name: string, spec: ExchangeSpec): Promise<void> {
    requireNamed(name);
    this.#require("configure", "exchange", name);
    const leaving = this.virtualHost.topology.whenGone(resourceName("exchange", name, this.virtualHost.name));
    if (leaving !== undefined) await leaving;
    if (!this.virtualHost.exchanges.has(name)) {
      requireUnreserved("exchange", name);
      const alternate = findField(spec.arguments, "alternate-exchange");
      if (alternate?.kind === "string") {
        this.#require("read", "exchange", name);
        this.#require("write", "exchange", alternate.value);
      }
    }
    await this.#done(this.virtualHost.topology.declareExchange(name, spec, this.#definitionPayer));
  }

  /** Passive declaration: throws not-found. */
  checkExchange(name: string): void {
    requireNamed(name);
    this.virtualHost.requireExchange(name);
  }

  /** Deletes; a missing exchange is fine. */
  async deleteExchange(name: string, ifUnused: boolean): Promise<void> {
    requireNamed(name);
    const title = resourceName("exchange", name, this.virtualHost.name);
    if (name.startsWith("amq.")) throw new BrokerError("access-refused", `deletion of system ${title} not allowed`);
    this.#require("configure", "exchange", name);
    const exchange = this.virtualHost.exchange(name);
    if (exchange === undefined) return;
    // Used is who leads somewhere; bindings that lead here do not count (RabbitMQ).
    if (ifUnused && exchange.bindings.size > 0) {
      throw new BrokerError("precondition-failed", `${title} in use`);
    }
    const { topology } = this.virtualHost;
    const lsn = topology.removeExchange(exchange);
    await topology.whenGone(exchange.title);
    await this.#done(lsn);
  }

  /** Declares, or checks that an existing queue was declared the same. An empty name asks for one made by the broker. */
  async declareQueue(name: string, spec: QueueSpec): Promise<Queue> {
    const host = this.virtualHost;
    const type = findField(spec.arguments, "x-queue-type");
    if (name === "" && type?.kind === "string" && type.value === "quorum") {
      throw new BrokerError("precondition-failed", "Cannot declare a server-named queue for type quorum");
    }
    const actual = name === "" ? newName("amq.gen-") : name;
    this.#require("configure", "queue", actual);
    const leaving = host.topology.whenGone(resourceName("queue", actual, host.name));
    if (leaving !== undefined) await leaving;
    const existing = host.queues.get(actual);
    if (existing !== undefined) {
      // Shared and declared exclusive, or the reverse, is "locked" too: RabbitMQ compares owners before flags.
      if (existing.owner !== (spec.exclusive ? this : null)) throw lockedQueue(existing);
      this.#requireReservable(existing, spec);
      host.topology.requireEquivalent(existing, spec);
      host.queueUsed(existing);
      const { reservedFor = null } = spec;
      if (reservedFor !== null && existing.reservedFor !== reservedFor) {
        await this.#done(host.topology.reserveQueue(existing, reservedFor));
      }
      return existing;
    }
    if (name !== "") requireUnreserved("queue", name);
    this.#requireDeadLettering(spec, actual);
    const { queue, lsn } = host.topology.createQueue(actual, spec, ...this.#holder(spec.exclusive));
    if (spec.exclusive) this.#exclusiveQueues.add(queue);
    await this.#done(lsn);
    return queue;
  }

  /** Passive declaration: throws not-found or resource-locked. */
  checkQueue(name: string): Queue {
    const queue = this.virtualHost.requireQueue(name);
    this.requireOwn(queue);
    this.virtualHost.queueUsed(queue);
    return queue;
  }

  /** Deletes and returns the number of ready messages that went with it; a missing queue is fine. */
  async deleteQueue(name: string, ifUnused: boolean, ifEmpty: boolean): Promise<number> {
    this.#require("configure", "queue", name);
    const queue = this.virtualHost.queues.get(name);
    if (queue === undefined) return 0;
    this.requireOwn(queue);
    if (ifUnused && queue.consumerCount > 0) throw new BrokerError("precondition-failed", `${queue.title} in use`);
    if (ifEmpty && queue.readyCount > 0) throw new BrokerError("precondition-failed", `${queue.title} not empty`);
    const count = queue.readyCount;
    const { topology } = this.virtualHost;
    const { lsn, consumers } = topology.detachQueue(queue);
    await topology.whenGone(queue.title);
    await this.#done(lsn);
    // The client that asked gets its answer before the cancellations: py-amqp takes them for a failure of the call.
    if (consumers.length > 0) this.virtualHost.turn.storageDirty({ endTurn: () => topology.tell(consumers) });
    return count;
  }

  /** Drops the ready messages. Resolves with their number when they will not come back. */
  async purgeQueue(name: string): Promise<number> {
    const queue = this.readableQueue(name);
    const { store, turn } = this.virtualHost;
    let count = 0;
    const begun: (void | Promise<void>)[] = [];
    // Few of them survive a crash together or not at all; of many the oldest go first.
    let lsn = store.atomic(() => {
      const purge = queue.beginPurge();
      ({ count } = purge);
      begun.push(inSlices(turn, purge.settling));
    });
    const [settling] = begun;
    if (settling instanceof Promise) {
      await settling;
      lsn = store.atomic(() => {});
    }
    await this.#done(lsn);
    return count;
  }

  async bind(binding: BindingSpec): Promise<void> {
    this.#requireBindable(binding);
    await this.#done(this.virtualHost.topology.bind(binding, this.#payerOf(binding)));
  }

  async unbind(binding: BindingSpec): Promise<void> {
    this.#requireBindable(binding);
    await this.#done(this.virtualHost.topology.unbind(binding));
  }

  /** The queue for consuming, fetching or purging: exists, readable, not locked by another connection. */
  readableQueue(name: string): Queue {
    this.#require("read", "queue", name);
    const queue = this.virtualHost.requireQueue(name);
    this.requireOwn(queue);
    return queue;
  }

  /** Throws resource-locked where the queue is exclusive to another connection, or reserved for another user. */
  requireOwn(queue: Queue): void {
    if (queue.owner !== null && queue.owner !== this) throw lockedQueue(queue);
    const { reservedFor } = queue;
    if (reservedFor !== null && !this.broker.mayTakeOver(reservedFor, this.user.name)) throw reservedQueue(queue);
  }

  /** A message of this client goes to so many queues that it takes a while: the client waits for it, and others go on. */
  waitForFanOut(fanOut: Promise<void>): void {
    const { wire } = this.options;
    if (wire === undefined) return;
    if (this.#fanOuts++ === 0) wire.stop(stopReasons.fanOut);
    const over = (): void => {
      if (--this.#fanOuts === 0) wire.proceed(stopReasons.fanOut);
    };
    this.broker.containment.watch("session", fanOut.then(over, over));
  }

  /** An exclusive queue is gone, whoever removed it. */
  queueRemoved(queue: Queue): void {
    this.#exclusiveQueues.delete(queue);
  }

  /** Something of this client failed by a fault of ours: ends it, so that nobody else feels it. */
  fail(): void {
    const { containment } = this.broker;
    containment.run("session", () => this.options.onClose("internal error"));
    containment.run("session", () => this.close());
  }

  /**
   * Ends the client's channels and its exclusive queues. Idempotent. Not null where that takes several turns;
   * it does not reject.
   */
  close(): UnderWay | null {
    if (this.#closed) return this.#closing;
    this.#closed = true;
    // First nobody takes anything more, or what one channel gives back would be delivered to the next dying one.
    for (const channel of this.#channels) channel.pause();
    const { turn, store } = this.virtualHost;
    const closing = inSlices(turn, this.#ending());
    if (!(closing instanceof Promise)) return null;
    this.#closing = { over: closing.catch((error: unknown) => store.containment.failed("session", error)) };
    return this.#closing;
  }

  *#ending(): Generator<void | Promise<unknown>, void> {
    // What publishers still have under way for queues that nobody else may use would only be more to remove.
    for (const queue of this.#exclusiveQueues) {
      this.virtualHost.topology.removeQueue(queue);
      yield;
    }
    for (const channel of this.#channels) {
      yield channel.close()?.over;
    }
    this.publishing.forget();
    this.payer.close();
    this.broker.connectionClosed(this);
  }

  /** Pays for what stays when the connection is gone. */
  get #definitionPayer(): Payer {
    return this.virtualHost.payer(this.user.name);
  }

  #holder(exclusive: boolean): readonly [owner: QueueOwner | null, payer: Payer] {
    return exclusive ? [this, this.payer] : [null, this.#definitionPayer];
  }

  /** Bindings of an exclusive queue end with it. */
  #payerOf({ destination, destinationKind }: BindingSpec): Payer {
    const queue = destinationKind === "queue" ? this.virtualHost.queues.get(destination) : undefined;
    return queue?.owner === this ? this.payer : this.#definitionPayer;
  }

  #done(lsn: number): Promise<void> {
    return this.virtualHost.store.whenDurable(lsn);
  }

  #require(permission: Permission, kind: "queue" | "exchange", name: string): void {
    if (this.user.may(permission, this.virtualHost.name, name)) return;
    throw permissionRefused(permission, kind, name, this.virtualHost.name, this.user.name);
  }

  /**
   * What is to be reserved must not be in the hands of others: somebody may have made it before, under the name that it
   * was going to have, to read what comes.
   */
  #requireReservable(queue: Queue, { reservedFor = null }: QueueSpec): void {
    this.requireOwn(queue);
    if (reservedFor === null || queue.reservedFor === reservedFor) return;
    for (const consumer of queue.consumers.all) {
      const { user, broker } = consumer.channel.connection;
      if (!broker.mayTakeOver(user.name, this.user.name)) throw reservedQueue(queue);
    }
  }

  #requireDeadLettering(spec: QueueSpec, name: string): void {
    const target = findField(spec.arguments, "x-dead-letter-exchange");
    if (target?.kind !== "string") return;
    this.#require("read", "queue", name);
    this.#require("write", "exchange", target.value);
  }

  /**
   * Bind and unbind need write on the destination, read on the source, and topic read for the key, or the topic filter,
   * where the source is a topic exchange.
   */
  #requireBindable(binding: BindingSpec): void {
    const host = this.virtualHost;
    const { source, destination, destinationKind } = binding;
    if (destination.startsWith("amq.rabbitmq.reply-to") && destinationKind === "queue") {
      throw new BrokerError("access-refused", "cannot bind or unbind to a volatile (direct reply-to) queue");
    }
    requireNamed(source);
    if (destinationKind === "exchange") requireNamed(destination);
    this.#require("write", destinationKind, destination);
    this.#require("read", "exchange", source);
    const exchange = host.exchange(source);
    const queue = destinationKind === "queue" ? host.queues.get(destination) : undefined;
    if (exchange !== undefined && queue !== undefined) this.requireOwn(queue);
    const clientId = this.options.clientId ?? "";
    if (exchange?.type !== "topic") return;
    const key = permissionKeyOf(binding);
    if (!this.user.mayUseTopic("read", host.name, source, key, clientId)) {
      const text = `read access to topic '${key}' in ${exchange.title} refused for user '${this.user.name}'`;
      throw new BrokerError("access-refused", text);
    }
  }
}
