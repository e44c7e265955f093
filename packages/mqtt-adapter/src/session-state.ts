import { type Lsn, type Queue, Tab, type Timer, type VirtualHost } from "@jackalope/core/adapter";
import { InFlight } from "./in-flight.ts";
import { receivedBytesEach, sessionBytes, subscriptionBytes, willBytes } from "./session-bytes.ts";
import type { Session } from "./session.ts";
import { SessionFeeds } from "./session-feeds.ts";
import { storeSession } from "./session-record.ts";
import type { Subscription } from "./subscription.ts";
import { SubscriptionSet } from "./subscription-set.ts";
import type { Will } from "./will.ts";

/** MQTT 5, 3.1.2.11.2: the session does not expire. */
const expiryNever = 0xffff_ffff;

/** Negative, so that they never meet the origins that other adapters give out. */
let lastOriginId = 0;

export interface SessionOptions {
  readonly clientId: string;
  readonly host: VirtualHost;
  readonly persistent: boolean;
  readonly userName: string;
}

/**
 * What the broker remembers of a client (MQTT 5, 4.1): subscriptions, the queue behind them, packet identifiers in use,
 * the will. It outlives a connection where the client asked for that.
 */
export class SessionState {
  readonly clientId: string;
  readonly host: VirtualHost;
  /**
   * True where the session was made to outlive its connections: it has records and a durable queue, also when it will
   * end with the present connection.
   */
  readonly persistent: boolean;
  /** Who made it: nobody else inherits it. */
  readonly userName: string;
  /** What its messages carry, so that a subscription with No Local knows them. */
  readonly originId: number = --lastOriginId;
  /** How long it is kept without a connection; 0 ends it with the present one, `expiryNever` not at all. */
  expirySeconds = 0;
  /** The queue of its own subscriptions, null before the first of them. */
  queue: Queue | null = null;
  /** The connected client, null while there is none. */
  session: Session | null = null;
  /** While the connection has ended and not given everything back yet. */
  leaving: Promise<void> | null = null;
  /** To be published when the connection ends, or at `willDueAtMs` where it has ended. */
  will: Will | null = null;
  /** Wall-clock time at which the will is published, 0 while the client is connected. */
  willDueAtMs = 0;
  /** Wall-clock time of the last connection's end, 0 while there is one. */
  disconnectedAtMs = 0;
  /** Until the will or the end of the session is due. The registry's. */
  timer: Timer | null = null;
  /** True once the session is over for good. */
  ended = false;
  /** What it weighs, for the user who made it. */
  readonly #tab: Tab;
  #subscriptionBytes = 0;
  #subscriptions: SubscriptionSet | null = null;
  #received: Set<number> | null = null;
  #inFlight: InFlight | null = null;
  #feeds: SessionFeeds | null = null;

  constructor(options: SessionOptions) {
    this.clientId = options.clientId;
    this.host = options.host;
    this.persistent = options.persistent;
    this.userName = options.userName;
    this.#tab = new Tab(options.host.payer(options.userName));
  }

  /** The name of the queue of its own subscriptions. */
  get queueName(): string {
    return `mqtt-subscription-${this.clientId}`;
  }

  // What an idle client does not need is made at its first use.

  get subscriptionCount(): number {
    return this.#subscriptions === null ? 0 : this.#subscriptions.size;
  }

  get sharedSubscriptionCount(): number {
    return this.#subscriptions === null ? 0 : this.#subscriptions.size - this.#subscriptions.ownCount;
  }

  get subscriptions(): SubscriptionSet {
    return (this.#subscriptions ??= new SubscriptionSet());
  }

  /** Throws quota-exceeded where there is no room for a subscription that is new, or memory is low. */
  admit(subscription: Subscription): void {
    this.#tab.payer.admitDefinition(subscriptionBytes(subscription), `cannot subscribe to '${subscription.filter}'`);
  }

  /** Adds a subscription in place of the one with the same filter. */
  addSubscription(subscription: Subscription): void {
    if (this.subscriptions.get(subscription.filter) === undefined) {
      this.#subscriptionBytes += subscriptionBytes(subscription);
    }
    this.subscriptions.set(subscription);
    this.weigh();
  }

  /** Removes and returns the subscription with this filter. */
  deleteSubscription(filter: string): Subscription | undefined {
    const subscription = this.subscriptions.delete(filter);
    if (subscription === undefined) return undefined;
    this.#subscriptionBytes -= subscriptionBytes(subscription);
    this.weigh();
    return subscription;
  }

  /** Enters what it weighs by now, nothing once it has ended: after every change of it. */
  weigh(): void {
    if (this.ended) return this.#tab.settle();
    const received = this.#received === null ? 0 : this.#received.size * receivedBytesEach;
    const packetIds = received + (this.#inFlight?.heldBytes ?? 0);
    this.#tab.set(sessionBytes(this.clientId) + this.#subscriptionBytes + willBytes(this.will) + packetIds);
  }

  /** Packet identifiers of QoS 2 publishes whose PUBREL has not come. */
  get received(): Set<number> {
    return (this.#received ??= new Set());
  }

  /** Deliveries of QoS 1 and 2 that the client has not completed. */
  get inFlight(): InFlight {
    return (this.#inFlight ??= new InFlight());
  }

  /** True where something was in flight once. */
  get hasInFlight(): boolean {
    return this.#inFlight !== null;
  }

  /** Retained messages on their way to new subscriptions. */
  get feeds(): SessionFeeds {
    return (this.#feeds ??= new SessionFeeds(this.host, this.clientId, this.persistent));
  }

  /** The subscription with this filter is over: it gets no more of them. */
  cancelFeed(filter: string): void {
    this.#feeds?.cancel(filter);
  }

  /** All subscriptions are over. */
  cancelFeeds(): void {
    this.#feeds?.cancelAll();
  }

  /** The connection is gone, and what was under way on it is back in its queues. */
  inFlightReturned(): void {
    this.#inFlight?.disconnected();
    this.weigh();
  }

  /** When the session ends, in wall-clock time; Infinity while it is connected, or where it never does. */
  get expiresAtMs(): number {
    if (this.session !== null || this.expirySeconds === expiryNever) return Number.POSITIVE_INFINITY;
    return this.disconnectedAtMs + this.expirySeconds * 1000;
  }

  /**
   * Stores the session; subscriptions and packet identifiers have records of their own. Returns the Lsn at which that
   * is durable, 0 for sessions that have no records.
   */
  save(): Lsn {
    return this.persistent && !this.ended ? storeSession(this) : 0;
  }
}
