import type { Payer } from "./account/payer.ts";
import type { TopologyAccounts } from "./account/topology-accounts.ts";
import type { UserDirectory } from "./auth/user-directory.ts";
import { PublishResult } from "./channel/publish-result.ts";
import type { Timer } from "./clock.ts";
import { BrokerError, resourceName } from "./errors.ts";
import { Exchange, type ExchangeType } from "./exchange/exchange.ts";
import { newRouting, type RoutingTable, routeInto } from "./exchange/router.ts";
import { forbiddenTopicExchange } from "./exchange/topic-reach.ts";
import { TopicMatcher } from "./exchange/topic-matcher.ts";
import { FanOuts, fanOutAtOnceMax } from "./fan-out.ts";
import { emptyFieldTable, type FieldTable } from "./field-value.ts";
import type { Logger } from "./logger.ts";
import type { Message } from "./message.ts";
import { newName } from "./names.ts";
import { type DeathReason, deadLetterMessage, deathCycles } from "./queue/dead-letter.ts";
import { Queue } from "./queue/queue.ts";
import { readQueueArguments } from "./queue/queue-arguments.ts";
import type { QueueHost, QueueOwner } from "./queue/queue-host.ts";
import { Records } from "./records.ts";
import { Route } from "./route.ts";
import type { Store } from "./store.ts";
import { Topology } from "./topology.ts";
import type { Totals } from "./totals.ts";
import type { Turn } from "./turn.ts";

/** What all virtual hosts of a broker share. */
export interface BrokerParts {
  readonly store: Store;
  readonly turn: Turn;
  readonly totals: Totals;
  readonly logger: Logger;
  /** What everything but messages weighs, and who answers for it. */
  readonly topologyAccounts: TopologyAccounts;
  /** The topic exchange that MQTT's topics are routing keys of, in every virtual host. */
  readonly mqttExchange: string;
  readonly users: UserDirectory;
  /** Ids of queues, over all virtual hosts. */
  nextQueueId(): number;
}

const predeclared: readonly (readonly [name: string, type: ExchangeType])[] = [
  ["", "direct"],
  ["amq.direct", "direct"],
  ["amq.fanout", "fanout"],
  ["amq.topic", "topic"],
  ["amq.headers", "headers"],
  ["amq.match", "headers"],
];

const replyQueuePrefix = "amq.rabbitmq.reply-to.";

/** One name space of exchanges and queues, and the way of a message through it. */
export class VirtualHost implements QueueHost, RoutingTable {
  readonly name: string;
  readonly parts: BrokerParts;
  readonly store: Store;
  readonly turn: Turn;
  readonly totals: Totals;
  readonly logger: Logger;
  readonly topology: Topology;
  /** What adapters keep beside queues and messages. */
  readonly records: Records;
  /** Messages on their way to very many queues. */
  readonly fanOuts: FanOuts;
  readonly exchanges: Map<string, Exchange> = new Map();
  readonly queues: Map<string, Queue> = new Map();
  /** Direct-reply addresses: queues that nobody declared and nobody lists. */
  readonly #replyQueues = new Map<string, Queue>();
  readonly #unusedTimers = new Map<Queue, Timer>();
  /** Moves with every change that a remembered route may depend on. */
  topologyVersion = 0;

  constructor(name: string, parts: BrokerParts) {
    this.name = name;
    this.parts = parts;
    this.store = parts.store;
    this.turn = parts.turn;
    this.totals = parts.totals;
    this.logger = parts.logger;
    this.topology = new Topology(this);
    this.fanOuts = new FanOuts(parts.turn, parts.store);
    this.records = new Records(name, parts.store);
    const spec = { durable: true, autoDelete: false, internal: false, arguments: emptyFieldTable };
    for (const [exchange, type] of predeclared)
      this.exchanges.set(exchange, new Exchange(name, exchange, type, spec, null));
    const trace = new Exchange(name, "amq.rabbitmq.trace", "topic", { ...spec, internal: true }, null);
    this.exchanges.set(trace.name, trace);
  }

  /** Who pays for what `user` makes here and leaves behind; "" for a user that is not known. */
  payer(user: string): Payer {
    return this.parts.topologyAccounts.payer(this.name, user);
  }

  exchange(name: string): Exchange | undefined {
    return this.exchanges.get(name);
  }

  queue(name: string): Queue | undefined {
    return this.queues.get(name) ?? this.#replyQueues.get(name);
  }

  /** The exchange, or not-found in RabbitMQ's words. */
  requireExchange(name: string): Exchange {
    const exchange = this.exchanges.get(name);
    if (exchange === undefined) throw new BrokerError("not-found", `no ${resourceName("exchange", name, this.name)}`);
    return exchange;
  }

  /** The queue, or not-found in RabbitMQ's words. */
  requireQueue(name: string): Queue {
    const queue = this.queues.get(name);
    if (queue === undefined) throw new BrokerError("not-found", `no ${resourceName("queue", name, this.name)}`);
    return queue;
  }

  /** Fills in what `route` leads to today. Targets stay null where they depend on each message's headers. */
  resolve(route: Route, source: Exchange): void {
    const routing = newRouting();
    routeInto(this, source, [route.routingKey], () => emptyFieldTable, routing, route.topic);
    route.source = source;
    // Reply addresses come and go with every RPC client: that must not make everybody else look for their routes again.
    const fleeting = source.name === "" && route.routingKey.startsWith(replyQueuePrefix);
    this.turn.budget.left -= routing.queues.size;
    route.targets = routing.readsHeaders || fleeting ? null : [...routing.queues];
    route.version = this.topologyVersion;
  }

  /**
   * `route` as it leads today, for a message that was buffered since: to nowhere where the exchange is gone. A copy, as
   * the version of the publisher's own route vouches for permissions too, which are not looked at here.
   */
  refreshed(route: Route): Route {
    if (route.version === this.topologyVersion) return route;
    const fresh = new Route(route.exchange, route.routingKey, route.topic);
    const source = this.exchanges.get(route.exchange);
    if (source !== undefined) this.resolve(fresh, source);
    return fresh;
  }

  /** The queues for one message. Remembered with the route unless headers or further keys decide. */
  targets(route: Route, message: Message, extraRoutes: readonly Route[] | undefined): readonly Queue[] {
    if (extraRoutes === undefined && route.targets !== null) return route.targets;
    if (route.source === null) return [];
    const routing = newRouting();
    let headers: FieldTable | null = null;
    const readHeaders = (): FieldTable => {
      headers ??= message.properties.headers ?? emptyFieldTable;
      return headers;
    };
    const keys = [route.routingKey];
    if (extraRoutes !== undefined) for (const extra of extraRoutes) keys.push(extra.routingKey);
    routeInto(this, route.source, keys, readHeaders, routing, route.topic);
    this.turn.budget.left -= routing.compared;
    return [...routing.queues];
  }

  /**
   * The queues that a topic filter leads to from `exchange`, bindings by key left aside: for messages that concern MQTT
   * clients alone.
   */
  topicTargets(exchange: string, topic: string): readonly Queue[] {
    const matcher = this.exchanges.get(exchange)?.matcher;
    const queues = new Set<Queue>();
    if (matcher instanceof TopicMatcher) {
      matcher.matchTopic(topic, (destination) => {
        if (destination.kind === "queue" && !destination.deleted) queues.add(destination);
      });
    }
    return [...queues];
  }

  /**
   * Gives `message` to each of `targets` (at least one): idle auto-ack consumers first, then one append for all queues
   * that store it, then the queues themselves.
   */
  publishTo(targets: readonly Queue[], message: Message): number {
    if (targets.length > fanOutAtOnceMax) return this.#fanOut(targets, message);
    this.turn.budget.left -= targets.length;
    if (targets.length === 1) return this.#publishToOne(targets[0] as Queue, message);
    let result: number = PublishResult.routed;
    let waiting: Queue[] | null = null;
    for (let index = 0; index < targets.length; index++) {
      const queue = targets[index] as Queue;
      if (queue.deliverNow(message)) continue;
      if (queue.refuses(message)) result |= PublishResult.rejected;
      else if (waiting === null) waiting = [queue];
      else waiting.push(queue);
    }
    if (waiting === null) return result;
    if (message.persistent) this.#append(waiting, message);
    for (let index = 0; index < waiting.length; index++) (waiting[index] as Queue).enqueue(message, false);
    return result;
  }

  /** Publishes on the broker's own behalf: no permissions, no confirms. */
  publishInternal(exchange: string, message: Message): void {
    const source = this.exchanges.get(exchange);
    if (source === undefined) return;
    this.resolve(message.route, source);
    const targets = this.targets(message.route, message, undefined);
    if (targets.length > 0) this.publishTo(targets, message);
  }

  deadLetter(queue: Queue, message: Message, reason: DeathReason): boolean {
    try {
      this.#deadLetter(queue, message, reason);
      return true;
    } catch (error) {
      this.store.containment.failed("dead-letter", error, { queue: queue.name, vhost: this.name });
      return false;
    }
  }

  #deadLetter(queue: Queue, message: Message, reason: DeathReason): void {
    const { deadLetterExchange, deadLetterRoutingKey } = queue.options;
    const exchange = deadLetterExchange === null ? undefined : this.exchanges.get(deadLetterExchange);
    if (exchange === undefined) {
      this.totals.dropped[reason]++;
      return;
    }
    const death = { queue: queue.name, reason, atMs: this.store.clock.nowMs() };
    const { copy, headers } = deadLetterMessage(message, exchange.name, deadLetterRoutingKey, death);
    if (this.#deadLetterForbidden(queue, exchange, copy)) {
      this.totals.dropped[reason]++;
      return;
    }
    this.totals.deadLettered[reason]++;
    const routing = newRouting();
    const { routingKey, topic } = copy.route;
    routeInto(this, exchange, [routingKey, ...copy.extraKeys], () => headers, routing, topic);
    this.turn.budget.left -= routing.compared;
    const targets = [...routing.queues].filter((target) => reason === "rejected" || !this.#cycles(headers, target));
    if (targets.length > 0) this.publishTo(targets, copy);
    else if (routing.queues.size === 0) this.totals.dropped.unroutable++;
  }

  /** The queue was declared, consumed from or fetched from: its `x-expires` starts anew. */
  queueUsed(queue: Queue): void {
    if (queue.options.expiresMs < 0) return;
    this.#unusedTimers.get(queue)?.cancel();
    this.#unusedTimers.delete(queue);
    if (queue.deleted || queue.consumerCount > 0) return;
    const timer = this.store.clock.after(queue.options.expiresMs, () => {
      this.#unusedTimers.delete(queue);
      if (!queue.deleted && queue.consumerCount === 0) this.topology.removeQueue(queue);
    });
    this.#unusedTimers.set(queue, timer);
  }

  /** A consumer left: the last one takes an auto-delete queue with it. */
  consumerGone(queue: Queue): void {
    if (queue.deleted || queue.consumerCount > 0) return;
    if (queue.autoDelete) this.topology.removeQueue(queue);
    else this.queueUsed(queue);
  }

  /** Forgets the timers of a queue that is being removed, and tells its owner. */
  queueRemoved(queue: Queue): void {
    queue.owner?.queueRemoved(queue);
    this.#unusedTimers.get(queue)?.cancel();
    this.#unusedTimers.delete(queue);
  }

  /** An address for direct replies to one channel. */
  openReplyQueue(owner: QueueOwner, payer: Payer): Queue {
    const name = newName(replyQueuePrefix);
    const spec = { durable: false, exclusive: true, autoDelete: false, arguments: emptyFieldTable };
    const options = readQueueArguments(emptyFieldTable, name, this.name);
    const queue = new Queue({ id: 0, name, spec, options, owner, payer }, this);
    payer.admit(queue.accountedBytes, "cannot take direct replies");
    payer.add(queue.accountedBytes);
    this.#replyQueues.set(name, queue);
    return queue;
  }

  closeReplyQueue(queue: Queue): void {
    queue.purge();
    queue.retire();
    if (this.#replyQueues.delete(queue.name)) queue.payer.release(queue.accountedBytes);
  }

  /** As `publishTo`, to so many queues that it takes several turns: the outcome is known, and stored, at once. */
  #fanOut(targets: readonly Queue[], message: Message): number {
    this.turn.budget.left -= targets.length;
    const taking: Queue[] = [];
    const refusing: Queue[] = [];
    for (let index = 0; index < targets.length; index++) {
      const queue = targets[index] as Queue;
      if (queue.isFullFor(message)) refusing.push(queue);
      else taking.push(queue);
    }
    if (message.persistent && taking.length > 0) this.#append(taking, message);
    this.fanOuts.begin(message, taking, function* () {
      for (const queue of refusing) {
        queue.refused(message);
        yield;
      }
    });
    return refusing.length === 0 ? PublishResult.routed : PublishResult.routed | PublishResult.rejected;
  }

  #publishToOne(queue: Queue, message: Message): number {
    if (queue.deliverNow(message)) return PublishResult.routed;
    if (queue.refuses(message)) return PublishResult.rejected;
    if (message.persistent && queue.stores) {
      this.store.append(queue.idList, message);
    }
    queue.enqueue(message, true);
    return PublishResult.routed;
  }

  #append(queues: readonly Queue[], message: Message): void {
    const ids: number[] = [];
    for (let index = 0; index < queues.length; index++) {
      const queue = queues[index] as Queue;
      if (queue.stores) ids.push(queue.id);
    }
    if (ids.length === 0) return;
    this.store.append(ids, message);
  }

  /**
   * True where the user that made the queue may not use the topic. Who may declare queues could otherwise send to any
   * topic by way of one that is named like it.
   */
  #deadLetterForbidden(queue: Queue, exchange: Exchange, copy: Message): boolean {
    const user = this.parts.users.find(queue.payer.userName);
    if (user === undefined || user.topicPermissions(this.name).size === 0) return false;
    const { routingKey, topic } = copy.route;
    for (const [index, key] of [routingKey, ...copy.extraKeys].entries()) {
      const subject = { virtualHost: this.name, routingKey: key, topic: index === 0 ? topic : null, clientId: "" };
      if (forbiddenTopicExchange(this, user, exchange, subject) === null) continue;
      const fields = { queue: queue.name, vhost: this.name, user: user.name, routingKey: key };
      this.logger.warn(fields, "message dropped: who declared its queue may not dead-letter to this topic");
      return true;
    }
    return false;
  }

  #cycles(headers: FieldTable, target: Queue): boolean {
    if (!deathCycles(headers, target.name)) return false;
    this.totals.dropped.cycle++;
    this.logger.warn(
      { queue: target.name, vhost: this.name },
      "message dropped: dead-lettering would send it in a circle",
    );
    return true;
  }
}
