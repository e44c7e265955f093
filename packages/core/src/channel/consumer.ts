import { consumerBytes } from "../account/topology-bytes.ts";
import type { FieldTable } from "../field-value.ts";
import type { Message } from "../message.ts";
import type { Queue } from "../queue/queue.ts";
import type { Channel } from "./channel.ts";

/** The messages that a consumer takes. */
export interface MessageFilter {
  /** Must not throw, and keep nothing of the message. */
  matches(message: Message): boolean;
  /** What happens to other messages: they wait for other consumers, or they go where nobody else is there. */
  readonly others: "leave" | "discard";
}

/** What a client asks for when it subscribes. */
export interface ConsumeSpec {
  /** Empty asks for a tag made by the broker. */
  readonly tag: string;
  readonly noAck: boolean;
  readonly exclusive: boolean;
  readonly arguments: FieldTable;
  /** Whatever the adapter wants to find again at delivery. */
  readonly adapterState?: unknown;
  /** Default: every message. */
  readonly filter?: MessageFilter | undefined;
  /** Memory that the adapter keeps for it beyond the usual, about. Default: 0. */
  readonly heldBytes?: number;
  /** Where acknowledgements are asked for: transient messages need none. MQTT's QoS 0. Default: false. */
  readonly settlesTransient?: boolean;
}

/** "No prefetch limit" in messages. */
const creditUnlimited = 0x7fff_ffff;

/** One subscription of one channel to one queue. */
export class Consumer {
  readonly tag: string;
  readonly noAck: boolean;
  readonly exclusive: boolean;
  readonly priority: number;
  readonly arguments: FieldTable;
  readonly channel: Channel;
  readonly queue: Queue;
  adapterState: unknown;
  /** Null where it takes every message. */
  readonly filter: MessageFilter | null;
  readonly settlesTransient: boolean;
  /** Deliveries that may still go out before an acknowledgement comes back. */
  credit: number;
  readonly creditMax: number;
  /** What it weighs in its connection's account. */
  readonly accountedBytes: number;
  started = false;
  /** True while its queue has it. Kept by ConsumerSet. */
  attached = false;
  /** Neighbours in the queue's round, null while it cannot take a message. Kept by ConsumerSet. */
  following: Consumer | null = null;
  preceding: Consumer | null = null;
  /** True while its channel keeps it from taking messages, and its neighbours among those. Kept by WaitingConsumers. */
  waits = false;
  waitsBehind: Consumer | null = null;
  waitsBefore: Consumer | null = null;

  constructor(channel: Channel, queue: Queue, tag: string, spec: ConsumeSpec, priority: number, prefetchCount: number) {
    this.channel = channel;
    this.queue = queue;
    this.tag = tag;
    this.noAck = spec.noAck;
    this.exclusive = spec.exclusive;
    this.arguments = spec.arguments;
    this.adapterState = spec.adapterState;
    this.filter = spec.filter ?? null;
    this.settlesTransient = spec.settlesTransient ?? false;
    this.priority = priority;
    this.creditMax = spec.noAck || prefetchCount === 0 ? creditUnlimited : prefetchCount;
    this.credit = this.creditMax;
    this.accountedBytes = consumerBytes(tag, spec.arguments, spec.heldBytes ?? 0);
  }

  /** True where nobody but the channel bounds its unacknowledged deliveries. */
  get unlimited(): boolean {
    return this.creditMax === creditUnlimited;
  }

  /** True where its filter lets the message pass; a filter that fails lets none. */
  wants(message: Message): boolean {
    if (this.filter === null) return true;
    try {
      return this.filter.matches(message);
    } catch (error) {
      const { store } = this.channel.connection.virtualHost;
      store.containment.failed("delivery", error, {
        queue: this.queue.name,
        peer: this.channel.connection.options.peer,
      });
      return false;
    }
  }

  /** True where a delivery of the message is the end of it. */
  settlesAtOnce(message: Message): boolean {
    return this.noAck || (this.settlesTransient && !message.persistent);
  }

  /** True where only its channel may keep it from taking a message. */
  get ready(): boolean {
    return this.started && this.credit > 0;
  }

  /** True where its channel lets it take a message. */
  get admitted(): boolean {
    return this.noAck ? !this.channel.paused : this.channel.acceptsUnacked;
  }

  /** True where a message could be delivered now. */
  get willing(): boolean {
    return this.ready && this.admitted;
  }

  /** Lets messages flow; the adapter calls it when the client has been told of the subscription. */
  start(): void {
    this.started = true;
    this.queue.consumerChanged(this);
  }
}
