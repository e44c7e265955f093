import { Message, keyOfTopic, Route, type Timer, type Totals, type VirtualHost } from "@jackalope/core/adapter";
import { mqttFormat } from "./mapping.ts";
import type { Retained } from "./retained-record.ts";
import type { RetainedStore } from "./retained-store.ts";
import { TopicIndex } from "./topic-index.ts";
import type { Traffic } from "./traffic.ts";

/** What the adapter knows of its sessions in a virtual host. */
export interface SessionCounts {
  /** With a client. */
  readonly connected: number;
  /** Waiting for their client. */
  readonly disconnected: number;
  readonly subscriptions: number;
  readonly sharedSubscriptions: number;
}

export interface SystemTopicsParts {
  readonly host: VirtualHost;
  /** The topic exchange that topics are routing keys of. */
  readonly exchange: string;
  readonly retained: RetainedStore;
  /** From one look at the values to the next; 0 for no such topics at all. */
  readonly intervalMs: number;
  /** Asked at most once an interval, and only while somebody subscribes. */
  readonly countSessions: () => SessionCounts;
  readonly traffic: Traffic;
}

/** What values are made of, looked at once for all of them. */
interface Facts {
  readonly host: VirtualHost;
  readonly totals: Totals;
  readonly retained: RetainedStore;
  readonly sessions: SessionCounts;
  readonly traffic: Traffic;
  readonly uptimeSeconds: number;
}

interface SystemTopic {
  readonly topic: string;
  readonly value: (facts: Facts) => string | number;
}

const prefix = "$SYS/broker/";

/** Names and forms of mosquitto, whose dashboards people have. */
const values: Readonly<Record<string, SystemTopic["value"]>> = {
  version: () => "jackalope",
  uptime: ({ uptimeSeconds }) => `${uptimeSeconds} seconds`,
  "clients/connected": ({ sessions }) => sessions.connected,
  "clients/disconnected": ({ sessions }) => sessions.disconnected,
  "clients/total": ({ sessions }) => sessions.connected + sessions.disconnected,
  "subscriptions/count": ({ sessions }) => sessions.subscriptions,
  "shared_subscriptions/count": ({ sessions }) => sessions.sharedSubscriptions,
  "retained messages/count": ({ retained }) => retained.count,
  "retained messages/bytes": ({ retained }) => retained.bytes,
  "store/messages/count": ({ host }) => {
    let count = 0;
    for (const queue of host.queues.values()) count += queue.readyCount + queue.unackedCount;
    return count;
  },
  "store/messages/bytes": ({ host }) => host.store.engine.statistics().storedBytes,
  "bytes/received": ({ traffic }) => traffic.receivedBytes,
  "bytes/sent": ({ traffic }) => traffic.sentBytes,
  "heap/current": () => process.memoryUsage().heapUsed,
  "publish/messages/received": ({ totals }) => totals.published,
  "publish/messages/sent": ({ totals }) => totals.delivered,
  "publish/messages/dropped": ({ totals }) => Object.values(totals.dropped).reduce((sum, count) => sum + count, 0),
};

/**
 * `$SYS/broker/…`: how the broker is, for MQTT clients. Values of messages are those of the whole broker and of every
 * protocol, as it is one, and bytes those of all MQTT connections; clients, subscriptions, retained and waiting messages
 * are the virtual host's. They go to MQTT subscriptions alone: an AMQP queue bound with `#` asks for its own messages and
 * not for these.
 */
export class SystemTopics {
  readonly #parts: SystemTopicsParts;
  readonly #index = new TopicIndex<SystemTopic>();
  readonly #topics: readonly SystemTopic[];
  /** What subscribers know. */
  readonly #sent = new Map<SystemTopic, string>();
  readonly #startedAtMs: number;
  #timer: Timer | null = null;

  constructor(parts: SystemTopicsParts) {
    this.#parts = parts;
    this.#startedAtMs = parts.host.store.clock.nowMs();
    const { dropped } = parts.host.totals;
    this.#topics = [
      ...Object.entries(values).map(([name, value]) => ({ topic: prefix + name, value })),
      ...(Object.keys(dropped) as (keyof typeof dropped)[]).map((reason) => ({
        topic: `${prefix}publish/messages/dropped/${reason}`,
        value: ({ totals }: Facts) => totals.dropped[reason],
      })),
    ];
    if (parts.intervalMs <= 0) return;
    for (const topic of this.#topics) this.#index.set(topic.topic, topic);
    this.#schedule();
  }

  /** The values whose topics `filter` matches, as retained messages, with a null for each step that finds none. */
  *search(filter: string): Generator<Retained | null, void> {
    if (!filter.startsWith("$SYS/")) return;
    let facts: Facts | null = null;
    for (const found of this.#index.search(filter)) {
      if (found === null) yield null;
      else yield this.#asRetained(found, (facts ??= this.#facts()));
    }
  }

  /** Ends the timer. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #schedule(): void {
    const { host, intervalMs } = this.#parts;
    this.#timer = host.store.clock.after(intervalMs, () => {
      // First, so that a value that cannot be had does not end them all.
      this.#schedule();
      this.#publish();
    });
  }

  /** Publishes what has changed to those who subscribe. */
  #publish(): void {
    const { host, exchange } = this.#parts;
    let facts: Facts | null = null;
    for (const topic of this.#topics) {
      const targets = host.topicTargets(exchange, topic.topic);
      if (targets.length === 0) {
        this.#sent.delete(topic);
        continue;
      }
      const text = String(topic.value((facts ??= this.#facts())));
      if (this.#sent.get(topic) === text) continue;
      this.#sent.set(topic, text);
      const body = Buffer.from(text);
      const route = new Route(exchange, keyOfTopic(topic.topic));
      const message = new Message(route, mqttFormat(0, "retain"), body, 0, 0, 0, body.length);
      message.owned = true;
      host.publishTo(targets, message);
    }
  }

  #facts(): Facts {
    const { host, retained, countSessions, traffic } = this.#parts;
    const uptimeSeconds = Math.floor((host.store.clock.nowMs() - this.#startedAtMs) / 1000);
    return { host, totals: host.totals, retained, sessions: countSessions(), traffic, uptimeSeconds };
  }

  #asRetained({ topic, value }: SystemTopic, facts: Facts): Retained {
    return {
      topic,
      format: mqttFormat(0, "retain"),
      publishedAtMs: 0,
      expirationMs: -1,
      native: noBytes,
      body: Buffer.from(String(value(facts))),
    };
  }
}

const noBytes = Buffer.alloc(0);
