import { type Broker, BrokerError, type Logger, Publishing, type VirtualHost } from "@jackalope/core/adapter";
import type { MqttLimits } from "./options.ts";
import type { RetainedStore } from "./retained-store.ts";
import { retainedStoreOf } from "./retained-stores.ts";
import { restoreFeeds } from "./session-feeds.ts";
import { SessionRegistry } from "./session-registry.ts";
import type { SessionState } from "./session-state.ts";
import { SharedQueues } from "./shared-queues.ts";
import { type SessionCounts, SystemTopics } from "./system-topics.ts";
import type { Traffic } from "./traffic.ts";
import { type Will, willMessage } from "./will.ts";

export interface MqttVirtualHostOptions {
  readonly broker: Broker;
  readonly host: VirtualHost;
  readonly limits: MqttLimits;
  readonly logger: Logger;
  readonly exchange: string;
  readonly systemTopicsIntervalMs: number;
  /** Of all connections of the adapter. */
  readonly traffic: Traffic;
}

/** What MQTT has in one virtual host beside the core's exchanges and queues. */
export class MqttVirtualHost {
  readonly host: VirtualHost;
  readonly retained: RetainedStore;
  readonly shared: SharedQueues;
  readonly systemTopics: SystemTopics;
  readonly sessions: SessionRegistry;
  readonly #broker: Broker;
  readonly #logger: Logger;
  readonly #exchange: string;

  /** Takes up what was stored before the start. */
  constructor(options: MqttVirtualHostOptions) {
    const { host, limits, logger } = options;
    this.host = host;
    this.#broker = options.broker;
    this.#logger = logger;
    this.#exchange = options.exchange;
    this.retained = retainedStoreOf(host, options.exchange, limits);
    this.shared = new SharedQueues(host);
    const { shared } = this;
    this.sessions = new SessionRegistry({
      host,
      shared,
      limits,
      logger,
      // Sessions end with their wills, and must, whatever becomes of those.
      publishWill: (will, state) => host.store.containment.run("background", () => this.#publishWill(will, state)),
      mayTakeOver: (ownerName, userName) => options.broker.mayTakeOver(ownerName, userName),
    });
    host.records.whenCleared(() => this.#clear());
    this.systemTopics = new SystemTopics({
      host,
      exchange: options.exchange,
      retained: this.retained,
      intervalMs: options.systemTopicsIntervalMs,
      countSessions: () => this.#countSessions(),
      traffic: options.traffic,
    });
    const { retained, systemTopics, sessions } = this;
    restoreFeeds({ host, retained, systemTopics, stateOf: (clientId) => sessions.get(clientId) });
  }

  /** The virtual host is being deleted: its sessions end, and their records with them. */
  #clear(): Generator<void | Promise<unknown>, void> {
    this.close();
    return this.sessions.endingAll();
  }

  /** Publishes a will. Its client was allowed to leave it, and may have lost that right, or its user, since. */
  #publishWill(will: Will, { userName, clientId }: SessionState): void {
    const message = willMessage(will, this.#exchange);
    const { exchange, routingKey, topic } = message.route;
    const user = this.#broker.users.find(userName);
    try {
      if (user === undefined) throw new BrokerError("access-refused", "the user was deleted");
      const publishing = new Publishing(this.host.payer(userName), this.host, user, clientId);
      publishing.route(exchange, routingKey, topic);
      publishing.forget();
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      this.#logger.warn({ clientId, user: userName, topic: will.topic, reason: error.message }, "will not published");
      return;
    }
    this.host.publishInternal(exchange, message);
    if (will.retain && exchange !== "") this.retained.set(will.topic, message);
  }

  /** Ends timers and work that is under way; what is stored stays for the next start. */
  close(): void {
    this.systemTopics.close();
    this.sessions.close();
    this.retained.close();
  }

  #countSessions(): SessionCounts {
    const counts = { connected: 0, disconnected: 0, subscriptions: 0, sharedSubscriptions: 0 };
    for (const state of this.sessions) {
      if (state.session === null) counts.disconnected++;
      else counts.connected++;
      counts.subscriptions += state.subscriptionCount;
      counts.sharedSubscriptions += state.sharedSubscriptionCount;
    }
    return counts;
  }
}
