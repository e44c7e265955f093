import { type Broker, defaultOutboxBounds, type Logger, type OutboxBounds } from "@jackalope/core/adapter";
import type { Door } from "@jackalope/transport";

/** Every bound of the AMQP adapter; the core's are in its own limits. docs/limits.md explains them. */
export interface AmqpLimits extends OutboxBounds {
  /** Largest frame, overhead included. Clients may negotiate less. */
  readonly frameBytesMax: number;
  /** What a client may go down to: the protocol's own minimum, which old clients use. */
  readonly frameBytesMin: number;
  /** Largest frame before it is negotiated: start-ok with a long token must fit. */
  readonly handshakeFrameBytesMax: number;
  /** Channels of one connection. */
  readonly channelsMax: number;
  /** Offered to clients; what they answer counts. 0 is off. */
  readonly heartbeatSeconds: number;
  /** From the accepted socket to connection.open-ok. */
  readonly handshakeTimeoutMs: number;
  /** How long a refused login is kept waiting when the client cannot be told the reason. */
  readonly refusalDelayMs: number;
  /** How long connection.close waits for its close-ok. */
  readonly closeTimeoutMs: number;
  /** How long the adapter's `close` waits for clients to say goodbye. */
  readonly shutdownTimeoutMs: number;
}

export const defaultAmqpLimits: AmqpLimits = {
  ...defaultOutboxBounds,
  frameBytesMax: 131_072,
  frameBytesMin: 4096,
  handshakeFrameBytesMax: 8192,
  channelsMax: 2047,
  heartbeatSeconds: 60,
  handshakeTimeoutMs: 10_000,
  refusalDelayMs: 3000,
  closeTimeoutMs: 30_000,
  shutdownTimeoutMs: 3000,
};

/** What connection.start says about this server. */
export interface ServerIdentity {
  /**
   * Default "RabbitMQ". Clients decide by it: kombu, and with it Celery, only uses channel-wide prefetch where the
   * product is RabbitMQ. Who we are stands in `platform` and `information`.
   */
  readonly product: string;
  /**
   * Default "3.13.7", the last series that allows what is allowed here (transient queues, channel-wide prefetch, frames
   * of 4096 bytes): from 4.0 on, clients take those away from themselves.
   */
  readonly version: string;
  readonly platform: string;
  readonly information: string;
  readonly clusterName: string;
}

export const defaultServerIdentity: ServerIdentity = {
  product: "RabbitMQ",
  version: "3.13.7",
  platform: `Jackalope on Node.js ${process.versions.node}`,
  information: "Jackalope, a message broker that speaks RabbitMQ's AMQP 0-9-1",
  clusterName: "jackalope",
};

export interface AmqpAdapterOptions {
  readonly broker: Broker;
  /** Default: the broker's. */
  readonly logger?: Logger;
  /** The way in that all listeners of the process share. Default: one that lets everybody in. */
  readonly door?: Door;
  readonly limits?: Partial<AmqpLimits>;
  readonly identity?: Partial<ServerIdentity>;
}
