import type { VirtualHost } from "@jackalope/core/adapter";
import type { Qos } from "../mapping.ts";
import type { RetainedStore } from "../retained-store.ts";
import { retainedStoreOf } from "../retained-stores.ts";
import { IncomingPackets } from "./incoming-packets.ts";
import type { AedesLimits } from "./limits.ts";
import { OutgoingPackets } from "./outgoing-packets.ts";
import type { AedesPacket } from "./packet.ts";
import { RecordWriter } from "./record-writer.ts";
import { type FilterWatcher, StoredSubscriptions } from "./stored-subscriptions.ts";
import { StoredWills } from "./stored-wills.ts";

/** Who gets a copy of a packet, and the QoS that was granted: by default whatever the packet has. */
export interface Recipient {
  readonly clientId: string;
  readonly qos?: Qos;
}

/** What is kept for the aedes clients of one virtual host, in memory and in the storage engine. */
export class AedesStore {
  readonly writer: RecordWriter;
  readonly subscriptions: StoredSubscriptions;
  readonly outgoing: OutgoingPackets;
  readonly incoming: IncomingPackets;
  readonly wills: StoredWills;
  readonly retained: RetainedStore;

  /** Takes over what the engine has. */
  constructor(host: VirtualHost, exchange: string, limits: AedesLimits) {
    this.writer = new RecordWriter(host);
    this.subscriptions = new StoredSubscriptions(this.writer, limits);
    this.outgoing = new OutgoingPackets(this.writer, limits, host.totals);
    this.incoming = new IncomingPackets(this.writer, limits);
    this.wills = new StoredWills(this.writer, limits);
    this.retained = retainedStoreOf(host, exchange, limits);
  }

  /** Queues a packet for its recipients: one copy a client, however many of its subscriptions match. */
  enqueue(recipients: readonly Recipient[], packet: AedesPacket): void {
    const granted = new Map<string, Qos>();
    for (const { clientId, qos = 2 } of recipients) {
      granted.set(clientId, Math.max(granted.get(clientId) ?? 0, qos) as Qos);
    }
    for (const [clientId, qos] of granted) this.outgoing.enqueue(clientId, packet, qos);
  }

  /** Queues a packet for every stored subscription that matches. */
  enqueueFor(topic: string, packet: AedesPacket): void {
    this.enqueue(this.subscriptions.matching(topic), packet);
  }

  /** Ends a client's session ([MQTT-3.1.2-6]); publishes of QoS 2 are `incoming.removeAll`. */
  endSession(clientId: string): void {
    this.writer.atomic(() => {
      this.subscriptions.removeAll(clientId);
      this.outgoing.removeAll(clientId);
    });
  }

  /** Removes everything: the virtual host goes away. */
  clear(): void {
    this.writer.atomic(() => {
      for (const clientId of [...this.subscriptions.clientIds, ...this.outgoing.clientIds]) this.endSession(clientId);
      for (const clientId of [...this.incoming.clientIds]) this.incoming.removeAll(clientId);
      for (const clientId of [...this.wills.clientIds]) this.wills.take(clientId);
    });
  }
}

const stores = new WeakMap<VirtualHost, AedesStore>();
const watchers = new WeakMap<VirtualHost, FilterWatcher>();

/** The store of a virtual host; the first call makes it, with its exchange and its limits. */
export function aedesStoreOf(host: VirtualHost, exchange: string, limits: AedesLimits): AedesStore {
  let store = stores.get(host);
  if (store === undefined) {
    stores.set(host, (store = new AedesStore(host, exchange, limits)));
    store.subscriptions.watch(watchers.get(host) ?? null);
  }
  return store;
}

/** The store of a virtual host where there is one. */
export function openAedesStore(host: VirtualHost): AedesStore | undefined {
  return stores.get(host);
}

/** Whether the emitter or the persistence of a virtual host is made first is the program's business. Null ends it. */
export function watchStoredFilters(host: VirtualHost, watcher: FilterWatcher | null): void {
  if (watcher === null) watchers.delete(host);
  else watchers.set(host, watcher);
  stores.get(host)?.subscriptions.watch(watcher);
}
