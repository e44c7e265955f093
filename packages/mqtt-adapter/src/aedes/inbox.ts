import { randomUUID } from "node:crypto";
import {
  type BindingSpec,
  BrokerError,
  type Channel,
  type ChannelSink,
  type ClientConnection,
  type Consumer,
  type Message,
  type Queue,
  topicFilterBinding,
  type TurnTask,
} from "@jackalope/core/adapter";
import { sessionQueueBounds } from "../session-queue-bounds.ts";
import type { AedesLimits } from "./limits.ts";

export interface InboxOptions {
  readonly connection: ClientConnection;
  /** The topic exchange. */
  readonly exchange: string;
  /** Messages that are being handled at a time; the others wait in the queue. */
  readonly concurrency: number;
  readonly limits: AedesLimits;
  /** Takes a message; `done` must be called once, when it was handled. Nothing of the message may be kept. */
  readonly onMessage: (message: Message, done: () => void) => void;
  /** The queue was deleted from outside. */
  readonly onLost: () => void;
}

/**
 * What the emitter hears of the rest of the broker: an exclusive queue, bound by the filters that somebody listens to,
 * and its one consumer. A message is acknowledged when its listeners have handled it, so slow listeners leave the others
 * in the queue, which is bounded.
 */
export class Inbox implements ChannelSink, TurnTask {
  readonly queue: Queue;
  readonly #options: InboxOptions;
  readonly #channel: Channel;
  /** Listeners by filter. */
  readonly #bound = new Map<string, number>();
  /** Delivery tags to be acknowledged at the end of the turn: never from inside a delivery. */
  #handled: number[] = [];
  #closed = false;

  constructor(options: InboxOptions) {
    this.#options = options;
    const { connection, concurrency, limits } = options;
    const spec = { durable: false, exclusive: true, autoDelete: false, arguments: sessionQueueBounds(limits) };
    const name = `aedes-${randomUUID()}`;
    this.queue = connection.virtualHost.topology.createQueue(name, spec, connection, connection.payer).queue;
    this.#channel = connection.openChannel(this);
    this.#channel.qos(concurrency, false);
    this.#channel.consume(name, { tag: "", noAck: false, exclusive: true, arguments: [] }).start();
  }

  /** One listener more for a filter. */
  listen(filter: string): void {
    const count = this.#bound.get(filter) ?? 0;
    this.#bound.set(filter, count + 1);
    if (count === 0) this.#bind(filter);
  }

  /** One listener less. */
  ignore(filter: string): void {
    const count = (this.#bound.get(filter) ?? 0) - 1;
    if (count > 0) this.#bound.set(filter, count);
    else if (this.#bound.delete(filter)) this.#host.topology.unbind(this.#binding(filter));
  }

  /** Ends the queue with what is in it. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#channel.close();
    this.#host.topology.removeQueue(this.queue);
  }

  // ChannelSink

  deliver(_consumer: Consumer, message: Message, deliveryTag: number): void {
    this.#options.onMessage(message, () => this.#settle(deliveryTag));
  }

  cancelled(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#channel.close();
    this.#options.onLost();
  }

  returned(): void {}
  confirm(): void {}
  refuse(): void {}
  failed(): void {}

  // TurnTask

  endTurn(): void {
    const handled = this.#handled;
    this.#handled = [];
    for (const tag of handled) if (!this.#channel.closed) this.#channel.ack(tag, false);
  }

  get #host() {
    return this.#options.connection.virtualHost;
  }

  /** A listener that cannot be bound hears its own emitter alone: neither aedes nor mqemitter know a refusal here. */
  #bind(filter: string): void {
    try {
      this.#host.topology.bind(this.#binding(filter), this.#options.connection.payer);
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      this.#host.logger.error(
        { filter, reason: error.message },
        "an aedes subscription hears nothing of other protocols",
      );
    }
  }

  #settle(deliveryTag: number): void {
    if (this.#handled.push(deliveryTag) === 1) this.#host.turn.storageDirty(this);
  }

  #binding(filter: string): BindingSpec {
    return topicFilterBinding(this.#options.exchange, this.queue.name, filter);
  }
}
