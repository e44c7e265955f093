import { type Broker, defaultOutboxBounds, type Logger, type OutboxBounds } from "@jackalope/core/adapter";
import type { Door } from "@jackalope/transport";

/** Every bound of the STOMP adapter; the core's are in its own limits. docs/limits.md explains them. */
export interface StompLimits extends OutboxBounds {
  /** Command line of a frame. */
  readonly commandBytesMax: number;
  /** Header lines of a frame. */
  readonly headersMax: number;
  /** One header line. */
  readonly headerBytesMax: number;
  /** Command and header lines of a frame together. */
  readonly headBytesMax: number;
  /** Body of a frame. The broker's `messageBytesMax` counts too. */
  readonly bodyBytesMax: number;
  /** Command and header lines of a frame before the client has logged in. */
  readonly loginHeadBytesMax: number;
  /** Body of a frame before the client has logged in. */
  readonly loginBodyBytesMax: number;
  /** Subscriptions of one connection. */
  readonly subscriptionsMax: number;
  /** Transactions of one connection that are open at the same time. */
  readonly transactionsMax: number;
  /** Reply queues (`/temp-queue/`) of one connection. */
  readonly replyQueuesMax: number;
  /** Text of a selector. */
  readonly selectorLengthMax: number;
  /** Shortest heart-beat interval agreed to. */
  readonly heartbeatMsMin: number;
  /** A page is never given up for a shorter silence: browsers throttle the timers of a hidden tab to one a minute. */
  readonly webSocketSilenceMsMin: number;
  /** From the accepted socket to CONNECTED. */
  readonly handshakeTimeoutMs: number;
  /** How long a client that got an ERROR has to close its side. */
  readonly closeTimeoutMs: number;
  /** How long the adapter's `close` waits for clients to close their side. */
  readonly shutdownTimeoutMs: number;
  /** What may wait in the own queues of a client that does not keep up with reading; beyond it the client is cut off. */
  readonly stalledQueueBytesMax: number;
}

export const defaultStompLimits: StompLimits = {
  ...defaultOutboxBounds,
  commandBytesMax: 32,
  headersMax: 100,
  headerBytesMax: 16 * 1024,
  headBytesMax: 64 * 1024,
  bodyBytesMax: 4 * 1024 * 1024,
  loginHeadBytesMax: 20 * 1024,
  loginBodyBytesMax: 12 * 1024,
  subscriptionsMax: 10_000,
  transactionsMax: 64,
  replyQueuesMax: 1000,
  selectorLengthMax: 4096,
  heartbeatMsMin: 1000,
  webSocketSilenceMsMin: 90_000,
  handshakeTimeoutMs: 10_000,
  closeTimeoutMs: 10_000,
  shutdownTimeoutMs: 3000,
  stalledQueueBytesMax: 64 * 1024 * 1024,
};

/** A user for clients that send neither login nor passcode. */
export interface AnonymousUser {
  readonly name: string;
  readonly password: string;
}

export interface StompAdapterOptions {
  readonly broker: Broker;
  /** Default: the broker's. */
  readonly logger?: Logger;
  /** The way in that all listeners of the process share. Default: one that lets everybody in. */
  readonly door?: Door;
  readonly limits?: Partial<StompLimits>;
  /** Who a client is that names no user. Default: nobody, such a client is refused. */
  readonly anonymousUser?: AnonymousUser | null;
  /** The virtual host of clients that name none. Default "/". */
  readonly defaultVirtualHost?: string;
  /** The `server` header of CONNECTED. Default "Jackalope". */
  readonly server?: string;
}
