import { type Broker, defaultOutboxBounds, type Logger, type OutboxBounds } from "@jackalope/core/adapter";
import type { Door } from "@jackalope/transport";

/** Every bound of the MQTT adapter; the core's are in its own limits. docs/limits.md explains them. */
export interface MqttLimits extends OutboxBounds {
  /** Largest packet accepted; version 5 clients are told it. The broker's `messageBytesMax` counts too. */
  readonly packetBytesMax: number;
  /** Largest packet accepted before the client has logged in. */
  readonly connectPacketBytesMax: number;
  /** Client identifier in UTF-8. */
  readonly clientIdBytesMax: number;
  /** Sessions of one virtual host: connected ones and those that wait for their client. */
  readonly sessionsMax: number;
  readonly subscriptionsPerSessionMax: number;
  /** Longest time a session is kept without its client; 0xFFFFFFFF is for ever. Version 3 clients get it. */
  readonly sessionExpirySecondsMax: number;
  /** Longest keep alive agreed to, 0 for any. A version 3 client that asks for more, or for none, keeps what it asked for. */
  readonly keepAliveSecondsMax: number;
  /** Publishes of QoS 1 and 2 that a client may have unacknowledged. */
  readonly receiveMaximum: number;
  /** Deliveries of QoS 1 and 2 that a client may leave unacknowledged, where it allows more. */
  readonly inFlightMax: number;
  /** Topic aliases that a client may set. */
  readonly topicAliasMaximum: number;
  /** Topic aliases that the broker sets, where the client allows more. */
  readonly topicAliasMaximumOut: number;
  /** Messages of QoS 1 and 2 that wait for one session; the oldest are dropped. */
  readonly sessionMessagesMax: number;
  /** Bodies of those, in bytes. */
  readonly sessionBytesMax: number;
  /** Messages of QoS 0 that wait for one session; the newest are dropped. */
  readonly slowQos0MessagesMax: number;
  /** Retained messages of one virtual host. */
  readonly retainedMessagesMax: number;
  /** Memory that those take, topics and properties included, about. */
  readonly retainedBytesMax: number;
  /** From the accepted socket to CONNACK. */
  readonly handshakeTimeoutMs: number;
  /** How long a client that was sent away has to close its side. */
  readonly closeTimeoutMs: number;
  /** How long the adapter's `close` waits for clients to close their side. */
  readonly shutdownTimeoutMs: number;
}

export const defaultMqttLimits: MqttLimits = {
  ...defaultOutboxBounds,
  packetBytesMax: 16 * 1024 * 1024,
  connectPacketBytesMax: 32 * 1024,
  clientIdBytesMax: 1024,
  sessionsMax: 1_000_000,
  subscriptionsPerSessionMax: 100_000,
  sessionExpirySecondsMax: 7 * 24 * 60 * 60,
  keepAliveSecondsMax: 0,
  receiveMaximum: 1024,
  inFlightMax: 1024,
  topicAliasMaximum: 64,
  topicAliasMaximumOut: 64,
  sessionMessagesMax: 100_000,
  sessionBytesMax: 64 * 1024 * 1024,
  slowQos0MessagesMax: 10_000,
  retainedMessagesMax: 1_000_000,
  retainedBytesMax: 256 * 1024 * 1024,
  handshakeTimeoutMs: 10_000,
  closeTimeoutMs: 10_000,
  shutdownTimeoutMs: 3000,
};

/** The virtual host of clients that name none. */
export const defaultVirtualHost = "/";

/** The topic exchange that topics are routing keys of. */
export const defaultExchange = "amq.topic";

/** The largest packet that a client may send, where the broker takes bodies of up to `messageBytesMax`. */
export function packetBytesMax(limits: MqttLimits, messageBytesMax: number): number {
  return Math.min(limits.packetBytesMax, messageBytesMax);
}

/** A user for clients that send neither user name nor password. */
export interface AnonymousUser {
  readonly name: string;
  readonly password: string;
}

export interface MqttAdapterOptions {
  readonly broker: Broker;
  /** Default: the broker's. */
  readonly logger?: Logger;
  /** The way in that all listeners of the process share. Default: one that lets everybody in. */
  readonly door?: Door;
  readonly limits?: Partial<MqttLimits>;
  /** Who a client is that names no user and shows no certificate. Default: nobody, such a client is refused. */
  readonly anonymousUser?: AnonymousUser | null;
  /** The virtual host of clients that name none. Default "/". */
  readonly defaultVirtualHost?: string;
  /** Takes user names of the form `vhost:user` apart. Default true. */
  readonly virtualHostInUserName?: boolean;
  /** The topic exchange that topics are routing keys of. Default "amq.topic". */
  readonly exchange?: string;
  /** How often `$SYS/broker/…` is published to those who subscribe to it; 0 for never. Default 10,000. */
  readonly systemTopicsIntervalMs?: number;
}
