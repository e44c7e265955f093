import type { Channel, ClientConnection, Consumer, Message, Queue } from "@jackalope/core/adapter";
import type { ChannelSink } from "@jackalope/core/adapter";
import { type DeliveryPrefix, deliveryPrefix, writeDelivery } from "./delivery.ts";
import type { Session } from "./session.ts";

/** STOMP 1.2 "SUBSCRIBE ack Header". */
export type AckMode = "auto" | "client" | "client-individual";

/** What a client asked for. */
export interface SubscriptionSpec {
  /** Number in its connection: the beginning of every acknowledgement id. */
  readonly number: number;
  /** How the connection finds it: by id, or by destination where the client gave no id. */
  readonly key: string;
  /** Null where the client gave none. */
  readonly id: string | null;
  readonly ackMode: AckMode;
  readonly prefetchCount: number;
  readonly queue: Queue;
  /** True where the queue is there for this subscription alone. */
  readonly ownsQueue: boolean;
}

/**
 * One subscription. It has a channel of its own, so that "all messages before it" (ack mode client) means those of this
 * subscription, and a prefetch limit is this subscription's.
 */
export class Subscription implements ChannelSink {
  readonly spec: SubscriptionSpec;
  readonly channel: Channel;
  readonly #session: Session;
  readonly #prefix: DeliveryPrefix;
  readonly #cancelled: (subscription: Subscription) => void;

  /** `cancelled` is called when the broker ends the subscription. */
  constructor(
    session: Session,
    client: ClientConnection,
    spec: SubscriptionSpec,
    cancelled: (subscription: Subscription) => void,
  ) {
    this.spec = spec;
    this.#session = session;
    this.#cancelled = cancelled;
    const ackPrefix = `${spec.number}@`;
    this.#prefix = deliveryPrefix(
      session.version,
      spec.id,
      `${session.id}@${ackPrefix}`,
      spec.ackMode === "auto" || session.version !== "1.2" ? null : ackPrefix,
    );
    this.channel = client.openChannel(this);
    this.channel.qos(spec.prefetchCount, false);
    if (session.overOutbox) this.channel.pause();
  }

  /** The consumer's tag, in RabbitMQ's form. */
  get consumerTag(): string {
    const { id, key } = this.spec;
    return id === null ? `Q_${key.slice(1)}` : `T_${id}`;
  }

  /** Ends it for the client; unacknowledged deliveries stay. */
  cancel(): void {
    this.channel.cancel(this.consumerTag);
  }

  /** True where nothing can come of it any more: ended, and all deliveries are settled. */
  get finished(): boolean {
    return this.channel.consumerCount === 0 && this.channel.unackedCount === 0;
  }

  deliver(_: Consumer, message: Message, deliveryTag: number, redelivered: boolean, deliveryCount: number): void {
    const { wire } = this.#session;
    writeDelivery(wire.outbox, this.#prefix, message, deliveryTag, redelivered, deliveryCount);
    wire.frameWritten();
  }

  cancelled(): void {
    this.#cancelled(this);
  }

  confirm(): void {}

  refuse(): void {}

  returned(): void {}

  failed(error: Error): void {
    this.#session.failed(error);
  }
}
