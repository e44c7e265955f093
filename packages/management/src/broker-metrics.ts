import type { AlarmKind, Broker } from "@jackalope/core";
import { Counter, Gauge, Registry } from "prom-client";

/** A metric without labels and where its value comes from. Totals count since the broker opened. */
interface Measure {
  readonly name: string;
  readonly help: string;
  readonly read: (broker: Broker, queues: QueueSums) => number;
}

interface QueueSums {
  count: number;
  ready: number;
  unacknowledged: number;
  consumers: number;
  parked: number;
}

const gauges: readonly Measure[] = [
  { name: "jackalope_connections", help: "Open connections", read: (broker) => broker.connections.size },
  {
    name: "jackalope_channels",
    help: "Open channels",
    read: ({ totals }) => totals.channelsOpened - totals.channelsClosed,
  },
  { name: "jackalope_queues", help: "Queues", read: (_, queues) => queues.count },
  { name: "jackalope_consumers", help: "Consumers", read: (_, queues) => queues.consumers },
  {
    name: "jackalope_topology_bytes",
    help: "Memory of everything that is no message, about: definitions, and what connections have open",
    read: ({ topologyAccounts }) => topologyAccounts.total.bytes,
  },
  {
    name: "jackalope_topology_limit_bytes",
    help: "The bound of that",
    read: ({ topologyAccounts }) => topologyAccounts.total.bytesMax,
  },
  { name: "jackalope_messages_ready", help: "Messages waiting for a consumer", read: (_, queues) => queues.ready },
  {
    name: "jackalope_messages_unacknowledged",
    help: "Messages delivered and not yet acknowledged",
    read: (_, queues) => queues.unacknowledged,
  },
  {
    name: "jackalope_messages_parked",
    help: "Messages that a fault of the broker keeps from being handed on: they stay in the store, the log names each",
    read: (_, queues) => queues.parked,
  },
  {
    name: "jackalope_publishers_blocked",
    help: "1 while a memory or disk alarm blocks publishers",
    read: ({ alarms }) => (alarms.blocked ? 1 : 0),
  },
  {
    name: "jackalope_message_memory_bytes",
    help: "Bytes of the messages that queues hold in memory, each message once",
    read: (broker) => broker.messageBytes,
  },
  {
    name: "jackalope_log_bytes",
    help: "Bytes held by the store",
    read: ({ storage }) => storage.statistics().storedBytes,
  },
  {
    name: "jackalope_log_segments",
    help: "Files of the store, or entries of its streams",
    read: ({ storage }) => storage.statistics().segments,
  },
  {
    name: "jackalope_log_pending_bytes",
    help: "Bytes handed to the store and not yet durable",
    read: ({ storage }) => storage.pendingBytes,
  },
  {
    name: "jackalope_spill_bytes",
    help: "Bytes of the spill folder's files",
    read: ({ store }) => store.spillArea?.statistics().fileBytes ?? 0,
  },
  {
    name: "jackalope_spill_messages",
    help: "Messages that wait in the spill folder",
    read: ({ store }) => store.spillArea?.statistics().messages ?? 0,
  },
  {
    name: "jackalope_spill_pending_bytes",
    help: "Bytes on their way to the spill folder",
    read: ({ store }) => store.spillArea?.pendingBytes ?? 0,
  },
];

const counters: readonly Measure[] = [
  {
    name: "jackalope_connections_opened_total",
    help: "Connections opened",
    read: ({ totals }) => totals.connectionsOpened,
  },
  {
    name: "jackalope_connections_closed_total",
    help: "Connections closed",
    read: ({ totals }) => totals.connectionsClosed,
  },
  { name: "jackalope_channels_opened_total", help: "Channels opened", read: ({ totals }) => totals.channelsOpened },
  { name: "jackalope_channels_closed_total", help: "Channels closed", read: ({ totals }) => totals.channelsClosed },
  { name: "jackalope_messages_published_total", help: "Messages published", read: ({ totals }) => totals.published },
  { name: "jackalope_messages_confirmed_total", help: "Publishes confirmed", read: ({ totals }) => totals.confirmed },
  {
    name: "jackalope_messages_refused_total",
    help: "Publishes refused with a negative confirm",
    read: ({ totals }) => totals.refused,
  },
  {
    name: "jackalope_messages_returned_total",
    help: "Mandatory messages returned as unroutable",
    read: ({ totals }) => totals.returned,
  },
  { name: "jackalope_messages_delivered_total", help: "Messages delivered", read: ({ totals }) => totals.delivered },
  {
    name: "jackalope_messages_redelivered_total",
    help: "Messages delivered again",
    read: ({ totals }) => totals.redelivered,
  },
  {
    name: "jackalope_messages_acknowledged_total",
    help: "Messages acknowledged",
    read: ({ totals }) => totals.acknowledged,
  },
  {
    name: "jackalope_log_written_bytes_total",
    help: "Bytes written by the store",
    read: ({ storage }) => storage.statistics().writtenBytes,
  },
  {
    name: "jackalope_log_commits_total",
    help: "Group commits of the store",
    read: ({ storage }) => storage.statistics().commits,
  },
];

/** What may be on in `jackalope_alarm`: every kind and source there is, so that a graph has its zeros. */
const alarmSources: readonly (readonly [AlarmKind, string])[] = [
  ["memory", "alive"],
  ["memory", "heap"],
  ["memory", "resident"],
  ["disk", "free"],
  ["disk", "storage"],
  ["disk", "spill"],
];

/** Totals by a label, whose values are the names of the broker's own counters. */
const labelledCounters: readonly {
  readonly name: string;
  readonly help: string;
  readonly label: "reason" | "place";
  readonly read: (broker: Broker) => Readonly<Record<string, number>>;
}[] = [
  {
    name: "jackalope_messages_dead_lettered_total",
    help: "Messages sent to a dead-letter exchange",
    label: "reason",
    read: ({ totals }) => totals.deadLettered,
  },
  {
    name: "jackalope_messages_dropped_total",
    help: "Messages dropped without a dead-letter exchange having them",
    label: "reason",
    read: ({ totals }) => totals.dropped,
  },
  {
    name: "jackalope_failures_contained_total",
    help: "Faults of the broker that ended one thing alone, by place: the log has each",
    label: "place",
    read: ({ containment }) => containment.counts,
  },
];

/** Who holds how much of `jackalope_topology_bytes`. */
const holderGauges: readonly {
  readonly name: string;
  readonly help: string;
  readonly label: string;
  readonly read: (broker: Broker) => ReadonlyMap<string, { readonly bytes: number }>;
}[] = [
  {
    name: "jackalope_virtual_host_topology_bytes",
    help: "What each virtual host has of jackalope_topology_bytes",
    label: "virtual_host",
    read: ({ topologyAccounts }) => topologyAccounts.virtualHosts,
  },
  {
    name: "jackalope_user_topology_bytes",
    help: "What each user has made of jackalope_topology_bytes",
    label: "user",
    read: ({ topologyAccounts }) => topologyAccounts.users,
  },
];

/** The metrics of one broker, in a registry of its own. The message path knows nothing of it: values are read at a scrape. */
export class BrokerMetrics {
  readonly registry: Registry = new Registry();
  readonly #updates: ((broker: Broker, queues: QueueSums) => void)[] = [];

  constructor() {
    const registers = [this.registry];
    for (const { name, help, label, read } of holderGauges) {
      const gauge = new Gauge({ name, help, registers, labelNames: [label] });
      this.#updates.push((broker) => {
        gauge.reset();
        for (const [holder, { bytes }] of read(broker)) gauge.set({ [label]: holder }, bytes);
      });
    }
    for (const { name, help, read } of gauges) {
      const gauge = new Gauge({ name, help, registers });
      this.#updates.push((broker, queues) => gauge.set(read(broker, queues)));
    }
    for (const { name, help, read } of counters) {
      const counter = new Counter({ name, help, registers });
      this.#updates.push((broker, queues) => setTotal(counter, read(broker, queues)));
    }
    const labelNames = ["kind", "source"];
    const help = "1 while an alarm is on, by what runs out and by which look found it";
    const alarm = new Gauge({ name: "jackalope_alarm", help, registers, labelNames });
    this.#updates.push(({ alarms }) => {
      alarm.reset();
      for (const [kind, source] of alarmSources) alarm.set({ kind, source }, 0);
      for (const { kind, source } of alarms.raised) alarm.set({ kind, source }, 1);
    });
    for (const { name, help, label, read } of labelledCounters) {
      const counter = new Counter({ name, help, registers, labelNames: [label] });
      this.#updates.push((broker) => {
        counter.reset();
        for (const [value, total] of Object.entries(read(broker))) counter.inc({ [label]: value }, total);
      });
    }
  }

  /** Reads every value anew. Without a broker everything is 0: what one counted that leads no more is nobody's. */
  update(broker: Broker | null): void {
    if (broker === null) {
      this.registry.resetMetrics();
      return;
    }
    const queues = sumQueues(broker);
    // One value that cannot be had leaves the others.
    for (const update of this.#updates) broker.containment.run("background", () => update(broker, queues));
  }
}

/** prom-client's counters only know how to grow. */
function setTotal(counter: Counter, total: number): void {
  counter.reset();
  counter.inc(total);
}

function sumQueues(broker: Broker): QueueSums {
  const sums = { count: 0, ready: 0, unacknowledged: 0, consumers: 0, parked: 0 };
  for (const virtualHost of broker.virtualHosts.values()) {
    for (const queue of virtualHost.queues.values()) {
      sums.count += 1;
      sums.ready += queue.readyCount;
      sums.unacknowledged += queue.unackedCount;
      sums.consumers += queue.consumerCount;
      sums.parked += queue.parked.count;
    }
  }
  return sums;
}
