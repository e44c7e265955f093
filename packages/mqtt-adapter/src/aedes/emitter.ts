import type { Broker, ClientConnection, Lsn, Message, PublisherHold, VirtualHost } from "@jackalope/core/adapter";
import { defaultExchange, defaultVirtualHost } from "../options.ts";
import { openAedesStore, watchStoredFilters } from "./aedes-store.ts";
import { CorePublisher } from "./core-publisher.ts";
import { type Done, Emission, type Listener } from "./emission.ts";
import { IncomingMessages } from "./incoming-messages.ts";
import { Inbox } from "./inbox.ts";
import { type AedesLimits, aedesLimits } from "./limits.ts";
import { ListenerTree } from "./listeners.ts";
import type { AedesPacket, EmitterMessage } from "./packet.ts";
import { connectSystem } from "./system-connection.ts";
import { TopicSyntax, type TopicSyntaxOptions } from "./topic-syntax.ts";

export interface AedesEmitterOptions extends TopicSyntaxOptions {
  readonly broker: Broker;
  /** Default "/". */
  readonly virtualHost?: string;
  /** The topic exchange that topics are routing keys of. Default "amq.topic". */
  readonly exchange?: string;
  /** Messages of other clients of the broker that the listeners handle at a time. Default 100. */
  readonly concurrency?: number;
  /**
   * Whether the callback of `emit` waits, for packets of QoS 1 and 2, until the message is as durable as the storage
   * engine promises. Default true.
   */
  readonly waitsForDurability?: boolean;
  readonly limits?: Partial<AedesLimits>;
  /** As whom a packet is published. Default, and where it returns null: as the emitter, which may publish everything. */
  readonly publisherOf?: (packet: EmitterMessage) => ClientConnection | null;
}

/** Emitters that are open. Two of one virtual host would each store a message for the sessions that they share. */
const open = new WeakMap<VirtualHost, AedesEmitter>();

/**
 * mqemitter over a broker: what is emitted is published to the topic exchange, and what anybody publishes there reaches
 * the listeners. Listeners of this emitter hear of its own messages directly, as the objects that were emitted.
 */
export class AedesEmitter {
  readonly concurrency: number;
  /** Messages whose listeners have not finished. */
  current = 0;
  closed = false;
  readonly #broker: Broker;
  readonly #host: VirtualHost;
  readonly #syntax: TopicSyntax;
  readonly #listeners: ListenerTree;
  readonly #connection: ClientConnection;
  readonly #inbox: Inbox;
  readonly #publisher: CorePublisher;
  readonly #incoming: IncomingMessages;
  readonly #waitsForDurability: boolean;
  readonly #publisherOf: (packet: EmitterMessage) => ClientConnection | null;

  constructor(options: AedesEmitterOptions) {
    const { broker, exchange = defaultExchange, concurrency = 100 } = options;
    this.#broker = broker;
    this.concurrency = concurrency;
    this.#syntax = new TopicSyntax(options);
    this.#listeners = new ListenerTree(this.#syntax);
    this.#waitsForDurability = options.waitsForDurability ?? true;
    this.#publisherOf = options.publisherOf ?? (() => null);
    this.#connection = connectSystem(broker, options.virtualHost ?? defaultVirtualHost, () => this.#end());
    this.#host = this.#connection.virtualHost;
    const limits = aedesLimits(options.limits);
    this.#incoming = new IncomingMessages(this.#host);
    const onMessage = (message: Message, done: () => void): void => this.#receive(message, done);
    const parts = { connection: this.#connection, exchange, concurrency, limits, onMessage };
    try {
      if (open.has(this.#host)) throw new Error(`virtual host '${this.#host.name}' has an emitter already`);
      this.#inbox = new Inbox({ ...parts, onLost: () => this.#end() });
    } catch (error) {
      // Nothing of it may stay: the next attempt may find it better.
      this.#connection.close();
      throw error;
    }
    open.set(this.#host, this);
    this.#publisher = new CorePublisher(exchange, this.#inbox.queue);
    watchStoredFilters(this.#host, this.#inbox);
  }

  /** Messages of other clients that wait for `concurrency`. */
  get length(): number {
    return this.#inbox.queue.readyCount;
  }

  /** Listens to the topics that match a filter. `done` is called in a later turn. */
  on(topic: string, listener: Listener, done?: () => void): this {
    const filter = this.#syntax.toFilter(topic);
    this.#listeners.add(filter, listener);
    if (!this.closed) this.#inbox.listen(filter);
    if (done !== undefined) this.#later(done);
    return this;
  }

  /** Ends what `on` began, once. A listener that is not there is fine. */
  removeListener(topic: string, listener: Listener, done?: () => void): this {
    const filter = this.#syntax.toFilter(topic);
    if (this.#listeners.remove(filter, listener) && !this.closed) this.#inbox.ignore(filter);
    if (done !== undefined) this.#later(done);
    return this;
  }

  removeAllListeners(topic: string, done?: () => void): this {
    const filter = this.#syntax.toFilter(topic);
    for (let count = this.#listeners.removeAll(filter); count > 0 && !this.closed; count--) this.#inbox.ignore(filter);
    if (done !== undefined) this.#later(done);
    return this;
  }

  /**
   * Publishes a message and calls the listeners. The callback comes when the broker has it (see `waitsForDurability`),
   * every listener has handled it and publishers are not held back; with an error where it was refused.
   */
  emit(message: EmitterMessage, callback: Done = ignore): this {
    if (this.closed) {
      callback(new Error("the emitter is closed"));
      return this;
    }
    const topic = this.#syntax.toTopic(message.topic);
    let lsn: Lsn;
    try {
      lsn = this.#publisher.publish(topic, message, this.#publisherOf(message) ?? this.#connection);
    } catch (error) {
      callback(error as Error);
      return this;
    }
    const { store } = this.#host;
    if (this.#waitsForDurability && Number(message["qos"]) > 0) {
      // The session store's records for offline clients came before, and belong to what the callback promises.
      lsn = Math.max(lsn, openAedesStore(this.#host)?.writer.lastLsn ?? 0);
    } else lsn = 0;
    const hold = this.#broker.holdsPublisher();
    const waits = hold !== null || lsn > store.engine.durable;
    const emission = this.#call(topic, message, waits, callback);
    if (waits) {
      const told = store.whenDurable(lsn).then(() => this.#whenFree(hold ?? "store", emission.done));
      this.#broker.containment.watch("background", told);
    }
    return this;
  }

  /** Stops listening and emitting in a later turn: what the present one has begun, wills for instance, still gets out. */
  close(callback: () => void = ignore): this {
    this.#later(() => {
      this.#end();
      callback();
    });
    return this;
  }

  /** A message of somebody else. */
  #receive(message: Message, done: () => void): void {
    const packet = this.#incoming.packetOf(message);
    const topic = packet.topic as string;
    const own = this.#syntax.fromTopic(topic);
    this.#call(topic, own === topic ? (packet as EmitterMessage) : { ...packet, topic: own }, false, done);
  }

  #call(topic: string, message: EmitterMessage | (AedesPacket & EmitterMessage), waits: boolean, done: Done): Emission {
    const listeners = this.#listeners.of(topic);
    this.current++;
    const pending = listeners.length + (waits ? 1 : 0);
    const emission = new Emission(Math.max(pending, 1), (error) => {
      this.current--;
      if (error === null || error === undefined) done();
      else done(error);
    });
    for (const listener of listeners) this.#hand(listener, message, emission.done);
    if (pending === 0) emission.done();
    return emission;
  }

  /** Listeners and callbacks are the caller's: what they throw is neither the broker's end nor that of the others. */
  #hand(listener: Listener, message: EmitterMessage | (AedesPacket & EmitterMessage), done: Done): void {
    const { containment } = this.#broker;
    containment.run(
      "background",
      () => listener.call(this, message, done),
      () => done(),
    );
  }

  #later(run: () => void): void {
    setImmediate(() => this.#broker.containment.run("background", run));
  }

  #whenFree(hold: PublisherHold, run: () => void): void {
    if (this.#broker.isHeld(hold)) this.#broker.whenPublishersFree(run, hold);
    else run();
  }

  #end(): void {
    if (this.closed) return;
    this.closed = true;
    open.delete(this.#host);
    watchStoredFilters(this.#host, null);
    this.#inbox.close();
    this.#connection.close();
    // The records are ours to remove, or a virtual host of the same name would find them after the next start.
    if (this.#broker.virtualHosts.get(this.#host.name) !== this.#host) openAedesStore(this.#host)?.clear();
  }
}

function ignore(): void {}

/** An mqemitter over a broker, for the `mq` option of an aedes server. Throws where the virtual host has one already. */
export function createAedesEmitter(options: AedesEmitterOptions): AedesEmitter {
  return new AedesEmitter(options);
}
