import { TopicFilterTree } from "@jackalope/core/adapter";
import type { Qos } from "../mapping.ts";
import type { AedesLimits } from "./limits.ts";
import type { RecordWriter } from "./record-writer.ts";

/** A subscription as aedes hands it over: as in SUBSCRIBE, of which MQTT 5 has more. */
export interface AedesSubscription {
  readonly topic: string;
  readonly qos: Qos;
  readonly rh?: number | undefined;
  readonly rap?: boolean | undefined;
  readonly nl?: boolean | undefined;
  readonly subscriptionIdentifier?: number | undefined;
}

/** A subscription and whose it is. */
export interface ClientSubscription extends AedesSubscription {
  readonly clientId: string;
}

/** Sees to it that messages of other clients of the broker are there for the subscriptions above QoS 0. */
export interface FilterWatcher {
  /** One subscription more has this filter. */
  listen(filter: string): void;
  /** One less. */
  ignore(filter: string): void;
}

const kind = "aedes-subscription";

interface SubscriptionRecord extends Omit<AedesSubscription, "topic"> {
  /** Whose the client is; missing where nobody told. */
  readonly user?: string;
}

/** The subscriptions of aedes clients that came without the clean flag, by client and by filter. */
export class StoredSubscriptions {
  readonly #byClient = new Map<string, Map<string, ClientSubscription>>();
  /** Whose the clients of `#byClient` are, as far as somebody said so. */
  readonly #owners = new Map<string, string>();
  /** Those above QoS 0: the others get nothing while their client is away. */
  readonly #lasting = new TopicFilterTree<ClientSubscription>();
  #lastingCount = 0;
  #watcher: FilterWatcher | null = null;
  readonly #writer: RecordWriter;
  readonly #limits: AedesLimits;

  constructor(writer: RecordWriter, limits: AedesLimits) {
    this.#writer = writer;
    this.#limits = limits;
    writer.claimEach(kind, (name, value) => {
      const [clientId, topic] = JSON.parse(name) as [string, string];
      const { user, ...terms } = JSON.parse(Buffer.from(value).toString()) as SubscriptionRecord;
      this.#set(clientId, { topic, ...terms });
      if (user !== undefined) this.#owners.set(clientId, user);
    });
  }

  /** Tells `watcher` of the subscriptions above QoS 0, those that there are first; null ends that. */
  watch(watcher: FilterWatcher | null): void {
    this.#watcher = watcher;
    if (watcher === null) return;
    for (const own of this.#byClient.values()) {
      for (const { qos, topic } of own.values()) if (qos > 0) watcher.listen(topic);
    }
  }

  get clientCount(): number {
    return this.#byClient.size;
  }

  /** Subscriptions above QoS 0. */
  get lastingCount(): number {
    return this.#lastingCount;
  }

  /** The user whose client it is, null for a client without subscriptions and where nobody told. */
  ownerOf(clientId: string): string | null {
    return this.#owners.get(clientId) ?? null;
  }

  /** Throws where the client has too many, or there are too many clients; then nothing is added. */
  add(clientId: string, subscriptions: readonly AedesSubscription[], user: string | null = null): void {
    this.#checkRoom(clientId, subscriptions);
    if (user !== null) this.#owners.set(clientId, user);
    this.#writer.atomic(() => {
      for (const subscription of subscriptions) {
        this.#set(clientId, subscription);
        const { topic, ...terms } = subscription;
        const record = user === null ? terms : { ...terms, user };
        this.#writer.put(kind, recordName(clientId, topic), () => Buffer.from(JSON.stringify(record)));
      }
    });
  }

  remove(clientId: string, filters: readonly string[]): void {
    const own = this.#byClient.get(clientId);
    if (own === undefined) return;
    this.#writer.atomic(() => {
      for (const filter of filters) {
        if (!this.#unset(own, filter)) continue;
        this.#writer.remove(kind, recordName(clientId, filter));
      }
    });
    if (own.size > 0) return;
    this.#byClient.delete(clientId);
    this.#owners.delete(clientId);
  }

  removeAll(clientId: string): void {
    this.remove(clientId, [...(this.#byClient.get(clientId)?.keys() ?? [])]);
  }

  of(clientId: string): readonly AedesSubscription[] {
    return [...(this.#byClient.get(clientId)?.values() ?? [])].map(termsOf);
  }

  /** The subscriptions above QoS 0 whose filter matches. */
  matching(topic: string): ClientSubscription[] {
    const found: ClientSubscription[] = [];
    this.#lasting.match(topic, (subscription) => found.push(subscription));
    return found;
  }

  /** The clients that have a subscription with exactly this filter. */
  *clientsWith(filter: string): Generator<string> {
    for (const [clientId, own] of this.#byClient) if (own.has(filter)) yield clientId;
  }

  get clientIds(): Iterable<string> {
    return this.#byClient.keys();
  }

  #set(clientId: string, subscription: AedesSubscription): void {
    let own = this.#byClient.get(clientId);
    if (own === undefined) this.#byClient.set(clientId, (own = new Map()));
    this.#unset(own, subscription.topic, true);
    const { topic, qos } = subscription;
    const stored = { clientId, ...termsOf(subscription) };
    own.set(topic, stored);
    if (qos === 0) return;
    this.#lasting.add(topic, stored);
    this.#lastingCount++;
    this.#watcher?.listen(topic);
  }

  /** False where there was none. A subscription that is replaced keeps its place among the others. */
  #unset(own: Map<string, ClientSubscription>, filter: string, replaced = false): boolean {
    const existing = own.get(filter);
    if (existing === undefined) return false;
    if (!replaced) own.delete(filter);
    if (existing.qos > 0) {
      this.#lasting.remove(filter, existing);
      this.#lastingCount--;
      this.#watcher?.ignore(filter);
    }
    return true;
  }

  #checkRoom(clientId: string, subscriptions: readonly AedesSubscription[]): void {
    const { sessionsMax, subscriptionsPerSessionMax } = this.#limits;
    const own = this.#byClient.get(clientId);
    if (own === undefined && this.#byClient.size >= sessionsMax) {
      throw new Error(`${sessionsMax} clients have stored subscriptions already (sessionsMax)`);
    }
    const added = new Set(subscriptions.map(({ topic }) => topic).filter((topic) => own?.has(topic) !== true));
    if ((own?.size ?? 0) + added.size > subscriptionsPerSessionMax) {
      const text = `client '${clientId}' would have more than ${subscriptionsPerSessionMax} subscriptions`;
      throw new Error(`${text} (subscriptionsPerSessionMax)`);
    }
  }
}

/** What is kept of a subscription. */
function termsOf({ topic, qos, rh, rap, nl, subscriptionIdentifier: id }: AedesSubscription): AedesSubscription {
  return { topic, qos, rh, rap, nl, ...(id === undefined ? {} : { subscriptionIdentifier: id }) };
}

function recordName(clientId: string, filter: string): string {
  return JSON.stringify([clientId, filter]);
}
