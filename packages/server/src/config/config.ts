import type { Limits } from "@jackalope/core";

/** A TCP port, 0 for a free one, or no listener at all. */
export type Port = number | "off";

/** Fractions (of the memory there is) up to 1, bytes above. */
export type Watermark = number;

/**
 * Every setting of a broker, validated. `configKeys` says what each means and may be; flags, variables, the TOML file
 * and docs/configuration.md follow from it. `amqpPort` here is `--amqp-port`, `JACKALOPE_AMQP_PORT` and `amqp-port`.
 */
export interface Config extends ConfigurableLimits {
  readonly dataDir: string;
  /** "embedded", "memory", or the address of Redis. */
  readonly store: string;
  /** A path, "auto" or "off". */
  readonly spillDir: string;
  readonly sync: "always" | "interval" | "never";
  readonly syncInterval: number;
  readonly repair: boolean;
  readonly clusterName: string;
  readonly redisLease: number;
  readonly redisWaitReplicas: number;
  readonly redisWaitAof: boolean;
  readonly redisTimeout: number;
  /** A path, or "off". */
  readonly redisTlsCa: string;
  readonly redisTlsCertificate: string;
  readonly redisTlsKey: string;
  /** A name, or "off". */
  readonly redisTlsServerName: string;
  readonly redisSentinelUser: string;
  readonly redisSentinelPassword: string;
  readonly bind: readonly string[];
  readonly amqpPort: Port;
  readonly amqpTlsPort: Port;
  readonly mqttPort: Port;
  readonly mqttTlsPort: Port;
  readonly mqttWsPort: Port;
  readonly mqttWssPort: Port;
  readonly stompPort: Port;
  readonly stompTlsPort: Port;
  readonly stompWsPort: Port;
  readonly stompWssPort: Port;
  readonly managementPort: Port;
  readonly logLevel: "trace" | "debug" | "info" | "warn" | "error" | "silent";
  readonly logFormat: "auto" | "json" | "text";
  readonly defaultUser: string;
  readonly defaultPassword: string;
  readonly memoryHighWatermark: Watermark;
  readonly diskFreeLimit: number;
  readonly maxMessageSize: number;
  readonly heartbeat: number;
  readonly frameMax: number;
  readonly channelMax: number;
  readonly handshakeTimeout: number;
  readonly stompAnonymousUser: string;
  readonly stompAnonymousPassword: string;
  /** Empty for all. */
  readonly stompOrigins: readonly string[];
  readonly stompBodyMax: number;
  readonly mqttEngine: "native" | "aedes";
  readonly mqttExchange: string;
  readonly mqttVhost: string;
  readonly mqttAnonymousUser: string;
  readonly mqttAnonymousPassword: string;
  /** Empty for all. */
  readonly mqttOrigins: readonly string[];
  readonly mqttPacketMax: number;
  readonly mqttKeepAliveMax: number;
  readonly mqttInFlightMax: number;
  readonly mqttTopicAliasMax: number;
  readonly mqttSessionExpiryMax: number;
  readonly mqttSessionMessagesMax: number;
  readonly mqttSessionBytesMax: number;
  readonly mqttSlowQos0MessagesMax: number;
  readonly mqttRetainedMessagesMax: number;
  readonly mqttRetainedBytesMax: number;
  readonly mqttSysInterval: number;
  /** A path, or "off". */
  readonly tlsCertificate: string;
  readonly tlsKey: string;
  readonly tlsCa: string;
  readonly originHeaders: boolean;
  readonly sessionsAcrossUsers: boolean;
  readonly unauthenticatedPerAddressMax: number;
}

/** The bounds of the core that may be set by their own names. */
export type ConfigurableLimits = Omit<Limits, "messageBytesMax">;

/** `amqpPort` as it stands in the TOML file and, behind `--`, on the command line: `amqp-port`. */
export function kebabName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `amqpPort` as an environment variable: `JACKALOPE_AMQP_PORT`. */
export function variableName(key: string): string {
  return `JACKALOPE_${kebabName(key).replaceAll("-", "_").toUpperCase()}`;
}
