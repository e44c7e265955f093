import { Readable } from "node:stream";
import type { Broker, VirtualHost } from "@jackalope/core/adapter";
import { defaultExchange, defaultVirtualHost } from "../options.ts";
import type { Retained } from "../retained-store.ts";
import { type AedesStore, aedesStoreOf, type Recipient } from "./aedes-store.ts";
import { topicRoute } from "./core-publisher.ts";
import { type AedesLimits, aedesLimits } from "./limits.ts";
import type { AedesPacket } from "./packet.ts";
import { messageOf } from "./packet-message.ts";
import { settled } from "./settled.ts";
import type { AedesSubscription, ClientSubscription } from "./stored-subscriptions.ts";

export interface AedesPersistenceOptions {
  readonly broker: Broker;
  /** Default "/". */
  readonly virtualHost?: string;
  /** The topic exchange that topics are routing keys of. Default "amq.topic". */
  readonly exchange?: string;
  /** Of the first persistence of a virtual host; all of them work on one store. */
  readonly limits?: Partial<AedesLimits>;
  /** The user of a connected client, null where there is none. It is kept with stored subscriptions: see `ownerOf`. */
  readonly userOf?: (clientId: string) => string | null;
}

/** What a persistence needs of its aedes server. */
export interface AedesServer {
  readonly id: string;
}

/** What a persistence needs of a client. */
export interface AedesClient {
  readonly id: string;
}

/** Aedes servers by id, with the time of their last sign of life. */
export type AedesServers = Readonly<Record<string, unknown>>;

/**
 * A persistence for aedes 1 over a broker: sessions, outgoing packets, incoming packets of QoS 2 and wills are records of
 * the virtual host, and retained messages are those of its MQTT clients.
 *
 * What belongs to a publish is written here and waited for by the emitter's callback: see settled.ts for what waiting
 * here would cost.
 */
export class AedesPersistence {
  broker: AedesServer | null = null;
  readonly #exchange: string;
  readonly #store: AedesStore;
  readonly #userOf: (clientId: string) => string | null;
  #destroyed = false;

  constructor(options: AedesPersistenceOptions) {
    this.#exchange = options.exchange ?? defaultExchange;
    this.#userOf = options.userOf ?? (() => null);
    const host = virtualHostOf(options.broker, options.virtualHost ?? defaultVirtualHost);
    this.#store = aedesStoreOf(host, this.#exchange, aedesLimits(options.limits));
  }

  async setup(broker: AedesServer): Promise<void> {
    this.broker = broker;
  }

  /** Rejects when called again. The store stays. */
  async destroy(): Promise<void> {
    if (this.#destroyed) throw new Error("destroyed already");
    this.#destroyed = true;
  }

  // Retained messages

  /** A packet without a payload removes ([MQTT-3.3.1-6]). Rejects where there is no room. */
  storeRetained(packet: AedesPacket): PromiseLike<void> {
    return settled(() => this.#storeRetained(packet));
  }

  createRetainedStream(filter: string): Readable {
    return this.createRetainedStreamCombi([filter]);
  }

  createRetainedStreamCombi(filters: readonly string[]): Readable {
    return Readable.from(this.#retained(filters));
  }

  // Subscriptions

  /** Resolves when the subscriptions are durable. Rejects where there is no room. */
  async addSubscriptions(client: AedesClient, subscriptions: readonly AedesSubscription[]): Promise<void> {
    this.#store.subscriptions.add(client.id, subscriptions, this.#userOf(client.id));
    await this.#store.writer.whenDurable();
  }

  /** The user whose client has stored subscriptions under this id, null where there are none. */
  ownerOf(clientId: string): string | null {
    return this.#store.subscriptions.ownerOf(clientId);
  }

  async removeSubscriptions(client: AedesClient, filters: readonly string[]): Promise<void> {
    this.#store.subscriptions.remove(client.id, filters);
    await this.#store.writer.whenDurable();
  }

  /** Ends the session: what waits for the client goes as well ([MQTT-3.1.2-6]). */
  async cleanSubscriptions(client: AedesClient): Promise<void> {
    this.#store.endSession(client.id);
    await this.#store.writer.whenDurable();
  }

  async subscriptionsByClient(client: AedesClient): Promise<readonly AedesSubscription[]> {
    return this.#store.subscriptions.of(client.id);
  }

  /** Those above QoS 0. */
  subscriptionsByTopic(topic: string): PromiseLike<ClientSubscription[]> {
    return settled(() => this.#store.subscriptions.matching(topic));
  }

  async countOffline(): Promise<{ readonly subsCount: number; readonly clientsCount: number }> {
    const { lastingCount, clientCount } = this.#store.subscriptions;
    return { subsCount: lastingCount, clientsCount: clientCount };
  }

  getClientList(filter: string): Readable {
    return Readable.from(this.#store.subscriptions.clientsWith(filter));
  }

  // Packets for clients

  outgoingEnqueue(subscription: Recipient, packet: AedesPacket): PromiseLike<void> {
    return settled(() => this.#store.enqueue([subscription], packet));
  }

  outgoingEnqueueCombi(subscriptions: readonly Recipient[], packet: AedesPacket): PromiseLike<void> {
    return settled(() => this.#store.enqueue(subscriptions, packet));
  }

  /**
   * Gives a queued packet its identifier, or puts a PUBREL in the place of the packet with the same one. With exactly once
   * it resolves when that is durable, as what leaves next tells the client of it. Rejects where there is no such packet.
   */
  async outgoingUpdate(client: AedesClient, packet: AedesPacket): Promise<void> {
    if (!this.#store.outgoing.update(client.id, packet)) throw new Error("no such packet");
    if (packet.cmd === "pubrel" || packet.qos === 2) await this.#store.writer.whenDurable();
  }

  /** Removes and returns the packet with the identifier of `packet`. */
  async outgoingClearMessageId(client: AedesClient, packet: AedesPacket): Promise<AedesPacket | undefined> {
    return this.#store.outgoing.clear(client.id, packet.messageId);
  }

  outgoingStream(client: AedesClient): Readable {
    return Readable.from(this.#store.outgoing.of(client.id));
  }

  // Packets from clients, QoS 2

  async incomingStorePacket(client: AedesClient, packet: AedesPacket): Promise<void> {
    this.#store.incoming.store(client.id, packet);
  }

  async incomingGetPacket(client: AedesClient, packet: AedesPacket): Promise<AedesPacket> {
    const stored = this.#store.incoming.get(client.id, packet.messageId);
    if (stored === undefined) throw new Error("no such packet");
    return stored;
  }

  async incomingDelPacket(client: AedesClient, packet: AedesPacket): Promise<void> {
    if (!this.#store.incoming.remove(client.id, packet.messageId)) throw new Error("no such packet");
  }

  async cleanIncoming(client: AedesClient): Promise<void> {
    this.#store.incoming.removeAll(client.id);
  }

  // Wills

  /** Resolves when the will is durable. Rejects where there is no room. */
  async putWill(client: AedesClient, packet: AedesPacket): Promise<void> {
    packet.brokerId = this.#serverId;
    packet.clientId = client.id;
    this.#store.wills.put(client.id, packet);
    await this.#store.writer.whenDurable();
  }

  async getWill(client: AedesClient): Promise<AedesPacket | undefined> {
    return this.#store.wills.get(client.id);
  }

  async delWill(client: AedesClient): Promise<AedesPacket | undefined> {
    return this.#store.wills.take(client.id);
  }

  /** The wills of clients of other servers than `servers`. */
  streamWill(servers: AedesServers = {}): Readable {
    return Readable.from([...this.#store.wills.all].filter((will) => !servers[will.brokerId ?? ""]));
  }

  get #serverId(): string {
    return this.broker?.id ?? "";
  }

  #storeRetained(packet: AedesPacket): void {
    const { retained, writer } = this.#store;
    const topic = packet.topic ?? "";
    const message = messageOf(topicRoute(this.#exchange, topic), { ...packet, retain: true }, null);
    if (!retained.accepts(topic, message)) {
      throw new Error(`no room for a retained message of '${topic}' (retainedMessagesMax, retainedBytesMax)`);
    }
    writer.wrote(retained.set(topic, message));
  }

  *#retained(filters: readonly string[]): Generator<AedesPacket> {
    for (const filter of filters) {
      for (const retained of this.#store.retained.match(filter)) yield packetOf(retained, this.#serverId);
    }
  }
}

/** `id` is the server's: retained packets have it by the suite of aedes-persistence. */
function packetOf({ topic, body, format }: Retained, id: string): AedesPacket {
  return { cmd: "publish", id, topic, payload: Buffer.from(body), qos: format.qos, retain: true };
}

function virtualHostOf(broker: Broker, name: string): VirtualHost {
  const host = broker.virtualHosts.get(name);
  if (host === undefined) throw new Error(`there is no virtual host '${name}'`);
  return host;
}

/** A persistence over a broker, for the `persistence` option of an aedes server. */
export function createAedesPersistence(options: AedesPersistenceOptions): AedesPersistence {
  return new AedesPersistence(options);
}
