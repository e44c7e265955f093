import {
  BrokerError,
  type Channel,
  type ClientConnection,
  inSlices,
  type Lsn,
  type Queue,
  type QueueSpec,
  topicFilterBinding,
} from "@jackalope/core/adapter";
import { brokerRefusal } from "./broker-refusal.ts";
import { MqttError } from "./mqtt-error.ts";
import type { MqttLimits } from "./options.ts";
import type { SubscribePacket, UnsubscribePacket } from "./rare-packets.ts";
import { reasonCodes } from "./reason-codes.ts";
import type { RetainedStore } from "./retained-store.ts";
import type { Session } from "./session.ts";
import { SessionConsumers } from "./session-consumers.ts";
import { sessionQueueBounds } from "./session-queue-bounds.ts";
import type { SessionState } from "./session-state.ts";
import type { SharedQueues } from "./shared-queues.ts";
import type { SharedFilter, Subscription } from "./subscription.ts";
import { forgetSubscription, storeSubscription } from "./subscription-records.ts";
import type { SystemTopics } from "./system-topics.ts";
import { checkTopicFilter, parseSharedFilter } from "./topic-rules.ts";

/** What the subscriptions of one connection work with. */
export interface SubscriptionsParts {
  readonly session: Session;
  readonly client: ClientConnection;
  readonly channel: Channel;
  readonly state: SessionState;
  readonly shared: SharedQueues;
  readonly retained: RetainedStore;
  readonly systemTopics: SystemTopics;
  /** Unacknowledged deliveries of QoS 1 and 2 at a time. */
  readonly inFlightMax: number;
  /** The topic exchange. */
  readonly exchange: string;
}

interface Outcome {
  readonly subscription: Subscription;
  readonly error: MqttError | null;
  readonly isNew: boolean;
  /** `RetainedStore.sequence` when it came into force: later messages reach it by themselves. */
  readonly sequenceMax: number;
}

/** Answered to version 3, which has one code for every refusal. */
const failure = 0x80;

/**
 * SUBSCRIBE and UNSUBSCRIBE of one connection. A subscription is a binding from the topic exchange to the session's
 * queue, or to the queue of its group, that goes by the topic filter; deliveries are those of ordinary consumers.
 */
export class Subscriptions {
  readonly #parts: SubscriptionsParts;
  readonly #limits: MqttLimits;
  readonly #consumers: SessionConsumers;
  /** Filters that the session does not have yet, of the packet at hand. */
  readonly #coming = new Set<string>();
  #closed = false;

  constructor(parts: SubscriptionsParts) {
    this.#parts = parts;
    this.#limits = parts.session.wire.host.limits;
    this.#consumers = new SessionConsumers(parts.channel, parts.state);
    // [MQTT-3.3.4-9] for all consumers of the session together.
    parts.channel.qos(parts.inFlightMax, true);
  }

  /** Answers with SUBACK when the subscriptions are as durable as the session. Throws MqttError. */
  async subscribe(packet: SubscribePacket): Promise<void> {
    const { session, state } = this.#parts;
    const id = packet.properties?.subscriptionIdentifier;
    const asked = packet.subscriptions.map(({ topic, qos, nl, rap, rh }) => ({
      filter: topic,
      qos,
      noLocal: nl ?? false,
      retainAsPublished: rap ?? false,
      retainHandling: (rh ?? 0) as 0 | 1 | 2,
      id: typeof id === "number" ? id : 0,
      shared: sharedFilterOf(topic),
    }));
    const noQueue = await this.#declareOwn(asked);
    if (this.#closed) return;
    const outcomes = await this.#addAll(asked, noQueue);
    if (this.#closed) return;
    const refused = outcomes.find((outcome) => outcome.error !== null)?.error ?? null;
    // MQTT 3.1 has no code for a refusal.
    if (refused !== null && session.version === 3) throw refused;
    const granted = outcomes.map(({ subscription, error }) => {
      if (error === null) return subscription.qos;
      return session.version === 5 ? error.reasonCode : failure;
    });
    const reason = refused === null ? {} : session.reason(refused.message);
    session.write({ cmd: "suback", messageId: packet.messageId, granted, ...reason });
    this.#consumers.update();
    for (const { subscription, error, isNew, sequenceMax } of outcomes) {
      // A later filter of the same packet may have taken its place.
      if (error === null && state.subscriptions.get(subscription.filter) === subscription) {
        this.#sendRetained(subscription, isNew, sequenceMax);
      }
    }
  }

  /** Answers with UNSUBACK. */
  async unsubscribe(packet: UnsubscribePacket): Promise<void> {
    const { session, state } = this.#parts;
    const removed: (Lsn | null)[] = [];
    await inSlices(state.host.turn, this.#removing(packet.unsubscriptions, removed));
    if (this.#closed) return;
    const granted = removed.map((lsn) => (lsn === null ? reasonCodes.noSubscriptionExisted : reasonCodes.success));
    await state.host.store.whenDurable(removed.reduce<Lsn>((last, lsn) => Math.max(last, lsn ?? 0), 0));
    if (this.#closed) return;
    session.write({ cmd: "unsuback", messageId: packet.messageId, granted });
  }

  /** The client is back: takes up the consumers of its session. Queues that somebody deleted are made again. */
  async restore(): Promise<void> {
    const lost = [...this.#parts.state.subscriptions].filter((subscription) => !this.#hasQueue(subscription));
    if (lost.length > 0) {
      const noQueue = await this.#declareOwn(lost);
      if (this.#closed) return;
      const outcomes = await this.#addAll(lost, noQueue);
      if (this.#closed) return;
      // What the user may not have any more: the client must not wait for it.
      const refused = outcomes.find((outcome) => outcome.error !== null)?.error ?? null;
      if (refused !== null) throw refused;
    }
    this.#consumers.update();
  }

  #hasQueue({ filter, shared }: Subscription): boolean {
    const { state } = this.#parts;
    return shared === null ? state.queue?.deleted === false : state.host.queues.has(filter);
  }

  /** The connection is gone. Retained messages that a persistent session has not got yet go on into its queue. */
  close(): void {
    this.#closed = true;
    const { state } = this.#parts;
    if (!state.persistent) state.cancelFeeds();
  }

  /** Makes the session's queue where it is asked for and missing; returns what was refused, or null. */
  async #declareOwn(asked: readonly Subscription[]): Promise<MqttError | null> {
    const { client, state } = this.#parts;
    if (state.queue?.deleted === false || asked.every(({ shared }) => shared !== null)) return null;
    const { queueName } = state;
    try {
      state.queue = await client.declareQueue(queueName, {
        ...this.#spec(state.persistent),
        reservedFor: state.userName,
      });
      return null;
    } catch (error) {
      return refusalOf(error, this.#parts, queueName);
    }
  }

  async #addAll(subscriptions: readonly Subscription[], noQueue: MqttError | null): Promise<readonly Outcome[]> {
    this.#coming.clear();
    const adding: Promise<Outcome>[] = [];
    await inSlices(this.#parts.state.host.turn, this.#adding(subscriptions, noQueue, adding));
    return Promise.all(adding);
  }

  /** Begins one of them in each step, until the connection is gone. */
  *#adding(
    subscriptions: readonly Subscription[],
    noQueue: MqttError | null,
    into: Promise<Outcome>[],
  ): Generator<void, void> {
    for (const subscription of subscriptions) {
      if (this.#closed) return;
      const outcome = this.#add(subscription, noQueue);
      // It is waited for when the last one has begun.
      outcome.catch(() => undefined);
      into.push(outcome);
      yield;
    }
  }

  /** Ends one of them in each step, until the connection is gone. */
  *#removing(filters: readonly string[], into: (Lsn | null)[]): Generator<void, void> {
    for (const filter of filters) {
      if (this.#closed) return;
      into.push(this.#remove(filter));
      yield;
    }
  }

  /** [MQTT-3.8.4-5] the filters before it in the packet count, as if each had a packet of its own. Throws 0x97. */
  #countNew(filter: string): void {
    const coming = this.#coming;
    if (coming.has(filter)) return;
    if (this.#parts.state.subscriptionCount + coming.size >= this.#limits.subscriptionsPerSessionMax) {
      throw new MqttError(reasonCodes.quotaExceeded, "3.9.3", "the session has too many subscriptions");
    }
    coming.add(filter);
  }

  async #add(subscription: Subscription, noQueue: MqttError | null): Promise<Outcome> {
    const { state, retained } = this.#parts;
    const isNew = state.subscriptions.get(subscription.filter) === undefined;
    let sequenceMax = retained.sequence;
    try {
      // Throws where it only looks like one.
      if (subscription.shared === null) parseSharedFilter(subscription.filter);
      checkTopicFilter(subscription.shared?.filter ?? subscription.filter);
      if (isNew) {
        this.#countNew(subscription.filter);
        state.admit(subscription);
      }
      if (subscription.shared !== null) await this.#bindShared(subscription);
      else if (noQueue !== null) return { subscription, error: noQueue, isNew, sequenceMax };
      else {
        // The binding is in force when the call returns, and durable when its promise does.
        const bound = this.#bind((state.queue as Queue).name, subscription.filter);
        sequenceMax = retained.sequence;
        await bound;
      }
      // A session that was taken over or ended meanwhile gets nothing more from here.
      if (!this.#closed) await this.#store(subscription);
      return { subscription, error: null, isNew, sequenceMax };
    } catch (error) {
      return { subscription, error: refusalOf(error, this.#parts, subscription.filter), isNew, sequenceMax };
    }
  }

  async #bindShared(subscription: Subscription): Promise<void> {
    const { client, state, shared } = this.#parts;
    const { filter } = subscription.shared as { readonly filter: string };
    const queueName = subscription.filter;
    if (client.virtualHost.queues.has(queueName)) client.checkQueue(queueName);
    else await client.declareQueue(queueName, this.#spec(true));
    await this.#bind(queueName, filter);
    // Throws where the user may not read the queue.
    client.readableQueue(queueName);
    if (!this.#closed) shared.join(queueName, state);
  }

  #bind(queueName: string, filter: string): Promise<void> {
    const { client, exchange } = this.#parts;
    return client.bind(topicFilterBinding(exchange, queueName, filter));
  }

  async #store(subscription: Subscription): Promise<void> {
    const { state } = this.#parts;
    state.addSubscription(subscription);
    if (state.persistent) await state.host.store.whenDurable(storeSubscription(state, subscription));
  }

  #spec(durable: boolean): QueueSpec {
    return { durable, exclusive: !durable, autoDelete: false, arguments: sessionQueueBounds(this.#limits) };
  }

  /** Returns the Lsn at which it is durable, null where there was no such subscription. */
  #remove(filter: string): Lsn | null {
    const { state, shared } = this.#parts;
    const subscription = state.deleteSubscription(filter);
    if (subscription === undefined) return null;
    return state.host.store.atomic(() => {
      state.cancelFeed(filter);
      if (state.persistent) forgetSubscription(state, filter);
      if (subscription.shared === null) this.#unbind(filter);
      else {
        this.#consumers.leave(filter);
        shared.leave(filter, state);
      }
    });
  }

  #unbind(filter: string): void {
    const { state, exchange } = this.#parts;
    if (state.queue === null) return;
    state.host.topology.unbind(topicFilterBinding(exchange, state.queue.name, filter));
  }

  /** MQTT 5, 3.8.3.1; retained messages never go to shared subscriptions ([MQTT-4.8.2]). */
  #sendRetained(subscription: Subscription, isNew: boolean, sequenceMax: number): void {
    const { state, retained, systemTopics } = this.#parts;
    const { shared, retainHandling } = subscription;
    if (shared !== null || retainHandling === 2 || (retainHandling === 1 && !isNew) || state.queue === null) return;
    state.feeds.begin({
      host: state.host,
      queue: state.queue,
      subscription,
      retained,
      systemTopics,
      originId: state.originId,
      sequenceMax,
    });
  }
}

/** Null for other filters, and for those that only look like one, which are refused later, each for itself. */
function sharedFilterOf(filter: string): SharedFilter | null {
  try {
    return parseSharedFilter(filter);
  } catch {
    return null;
  }
}

/** What a subscription was refused for, in MQTT's terms. Errors of our own are thrown on. */
function refusalOf(error: unknown, parts: SubscriptionsParts, filter: string): MqttError {
  const { session, client } = parts;
  const refusal = error instanceof BrokerError ? brokerRefusal(error, "3.9.3") : error;
  if (!(refusal instanceof MqttError)) throw error;
  const fields = { peer: session.peer, user: client.user.name, filter, reason: refusal.message };
  session.wire.host.logger.warn(fields, "subscription refused");
  return refusal;
}
