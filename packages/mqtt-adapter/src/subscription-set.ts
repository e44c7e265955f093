import { type Message, type Route, TopicFilterTree } from "@jackalope/core/adapter";
import { exactTopicOf, topicOf } from "./message-topic.ts";
import { propertyIds } from "./property-ids.ts";
import type { Subscription } from "./subscription.ts";
import { variableByteIntegerBytes, writeVariableByteInteger } from "./variable-byte-integer.ts";

/** What the subscriptions of one session that match a message come to: it is delivered once (MQTT 5, 3.3.4). */
export interface Match {
  /** The highest that was granted. */
  readonly qos: 0 | 1 | 2;
  /** True where some subscription does not want the session's own messages: for those it is `matchOwn` that counts. */
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** The subscription identifiers of all of them, as properties of a PUBLISH; null where there are none. */
  readonly identifiers: Buffer | null;
}

/** A message that no subscription asks for any more, or that somebody put into the queue: as its sender sent it. */
const unasked: Match = { qos: 2, noLocal: false, retainAsPublished: false, identifiers: null };

/** Routes whose match is remembered; all are forgotten when there are more. */
const matchesMax = 1024;
/** Routes with a longer key are not remembered, so that this is bounded in bytes too. */
const matchKeyLengthMax = 1024;

/** The subscriptions of one session, by filter. Shared ones take no part in matching: each has a queue of its own. */
export class SubscriptionSet {
  readonly #byFilter = new Map<string, Subscription>();
  #tree: TopicFilterTree<Subscription> | null = null;
  #matches: Map<Route, Match> | null = null;
  /** What every message comes to where all subscriptions ask for the same and have no identifiers. */
  #uniform: Match | null = unasked;
  #ownCount = 0;
  #acknowledgedCount = 0;
  #noLocalCount = 0;

  get size(): number {
    return this.#byFilter.size;
  }

  /** Subscriptions that fill the session's own queue. */
  get ownCount(): number {
    return this.#ownCount;
  }

  get(filter: string): Subscription | undefined {
    return this.#byFilter.get(filter);
  }

  [Symbol.iterator](): Iterator<Subscription> {
    return this.#byFilter.values();
  }

  /** Adds a subscription in place of the one with the same filter. */
  set(subscription: Subscription): void {
    this.delete(subscription.filter);
    this.#byFilter.set(subscription.filter, subscription);
    if (subscription.noLocal) this.#noLocalCount++;
    if (subscription.shared !== null) return;
    if (subscription.qos > 0) this.#acknowledgedCount++;
    const first = this.#ownCount++ === 0;
    if (first) this.#uniform = matchOfOne(subscription);
    else if (this.#uniform !== null && !sameTerms(this.#uniform, subscription)) this.#uniform = null;
    this.#tree?.add(subscription.filter, subscription);
    this.#matches = null;
  }

  /** Removes and returns the subscription with this filter. */
  delete(filter: string): Subscription | undefined {
    const subscription = this.#byFilter.get(filter);
    if (subscription === undefined) return undefined;
    this.#byFilter.delete(filter);
    if (subscription.noLocal) this.#noLocalCount--;
    if (subscription.shared !== null) return subscription;
    if (subscription.qos > 0) this.#acknowledgedCount--;
    this.#tree?.remove(filter, subscription);
    this.#matches = null;
    if (--this.#ownCount === 0) {
      this.#uniform = unasked;
      this.#tree = null;
    }
    return subscription;
  }

  /** True where a subscription of its own asks for acknowledged deliveries. */
  get acknowledges(): boolean {
    return this.#acknowledgedCount > 0;
  }

  /** True where some subscription does not want what the session publishes itself. */
  get anyNoLocal(): boolean {
    return this.#noLocalCount > 0;
  }

  /** What the subscriptions say about a message in the session's queue. */
  match(message: Message): Match {
    if (this.#uniform !== null) return this.#uniform;
    const { route } = message;
    const known = this.#matches?.get(route);
    if (known !== undefined) return known;
    const match = matchOf(this.#find(topicOf(message)));
    // A route that came from the store does not know the exact topic: what holds for one of its messages holds for it alone.
    if (route.topic === null && exactTopicOf(message) !== null) return match;
    if (route.routingKey.length > matchKeyLengthMax) return match;
    if (this.#matches === null || this.#matches.size >= matchesMax) this.#matches = new Map();
    this.#matches.set(route, match);
    return match;
  }

  /** As `match`, for a message of the session itself; null where only subscriptions match that do not want it. */
  matchOwn(message: Message): Match | null {
    const found = this.#find(topicOf(message));
    // [MQTT-3.8.3-3]
    const wanting = found.filter(({ noLocal }) => !noLocal);
    return found.length > 0 && wanting.length === 0 ? null : matchOf(wanting);
  }

  #find(topic: string): readonly Subscription[] {
    if (this.#tree === null) {
      this.#tree = new TopicFilterTree();
      for (const subscription of this.#byFilter.values())
        if (subscription.shared === null) this.#tree.add(subscription.filter, subscription);
    }
    const found: Subscription[] = [];
    this.#tree.match(topic, (subscription) => found.push(subscription));
    return found;
  }
}

/** What several subscriptions come to for a message that they match. */
function matchOf(found: readonly Subscription[]): Match {
  if (found.length === 0) return unasked;
  return {
    qos: Math.max(...found.map(({ qos }) => qos)) as 0 | 1 | 2,
    noLocal: found.some(({ noLocal }) => noLocal),
    retainAsPublished: found.some(({ retainAsPublished }) => retainAsPublished),
    identifiers: encodeIdentifiers(found),
  };
}

/** What one subscription says about the messages that it brings. */
export function matchOfOne(subscription: Subscription): Match {
  return matchOf([subscription]);
}

/** True where a session with `match` for every message may take the subscription along. */
function sameTerms(match: Match, subscription: Subscription): boolean {
  return (
    match.identifiers === null &&
    subscription.id === 0 &&
    match.qos === subscription.qos &&
    match.noLocal === subscription.noLocal &&
    match.retainAsPublished === subscription.retainAsPublished
  );
}

/** MQTT 5, 3.3.2.3.8: a Variable Byte Integer behind its own property byte for each identifier. */
function encodeIdentifiers(subscriptions: readonly Subscription[]): Buffer | null {
  const ids = subscriptions.map(({ id }) => id).filter((id) => id !== 0);
  if (ids.length === 0) return null;
  const bytes = Buffer.allocUnsafe(ids.reduce((sum, id) => sum + 1 + variableByteIntegerBytes(id), 0));
  let at = 0;
  for (const id of ids) {
    bytes[at] = propertyIds.subscriptionIdentifier;
    at = writeVariableByteInteger(bytes, at + 1, id);
  }
  return bytes;
}
