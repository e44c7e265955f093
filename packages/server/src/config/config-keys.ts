import { defaultLimits } from "@jackalope/core";
import { defaultDoorLimits } from "@jackalope/transport";
import type { Config } from "./config.ts";
import { limitKeys } from "./limit-keys.ts";
import { listenerKeys } from "./listener-keys.ts";
import { mqttKeys } from "./mqtt-keys.ts";
import { redisKeys } from "./redis-keys.ts";
import { store } from "./store-kind.ts";
import { bytes, choice, count, duration, onOff, origins, text, watermark } from "./value-kinds.ts";
import type { ValueKind } from "./value-kinds.ts";

/** One setting. Its flag, variable and TOML name follow from its name in the table. */
export interface ConfigKey<Value> {
  readonly kind: ValueKind<Value>;
  readonly default: Value;
  /** A heading of docs/configuration.md. */
  readonly section:
    | "Storage"
    | "Redis"
    | "Listeners"
    | "Logging"
    | "First start"
    | "Users"
    | "Alarms"
    | "AMQP"
    | "STOMP"
    | "MQTT"
    | "TLS"
    | "Messages"
    | "Limits";
  /** Sentences for help text and documentation. The first one stands alone in `--help`. */
  readonly description: string;
}

export const dataDirDefault = "./data";

/** The settings, in the order of the documentation. */
export type ConfigKeys = { readonly [Name in keyof Config]: ConfigKey<Config[Name]> };

/** Every setting there is: the one table from which the rest is made. */
export const configKeys: ConfigKeys = {
  dataDir: {
    section: "Storage",
    kind: text("DIR", "a path"),
    default: dataDirDefault,
    description: "Folder of the embedded store. Made where it does not exist. One broker at a time may use it.",
  },
  store: {
    section: "Storage",
    kind: store(),
    default: "embedded",
    description:
      "Where messages and definitions are kept. `embedded` is the log in the data directory; `memory` forgets " +
      "everything at the end; an address keeps them in Redis or Valkey, from where another broker can go on. An address " +
      "with a password is better given as a variable or in the file than as a flag, which others can see.",
  },
  spillDir: {
    section: "Storage",
    kind: text("DIR", "a path"),
    default: "auto",
    description:
      "Folder for messages behind a queue's window that the store does not keep: transient ones, and those of transient " +
      "and exclusive queues. `auto` is `spill` in the data directory, with Redis too; with `store` `memory` only where " +
      "`data-dir` names another folder than by default. `off` keeps them in memory. Made with the first such message, " +
      "emptied at the start and removed at the end.",
  },
  sync: {
    section: "Storage",
    kind: choice("always", "interval", "never"),
    default: "always",
    description:
      "When the embedded store calls fdatasync. `always`: before anything is confirmed. `interval`: every " +
      "`sync-interval`, and a confirm does not wait for it. `never`: the operating system decides.",
  },
  syncInterval: {
    section: "Storage",
    kind: duration(1, 60_000),
    default: 200,
    description: "Time between two calls of fdatasync where `sync` is `interval`.",
  },
  repair: {
    section: "Storage",
    kind: onOff(),
    default: false,
    description:
      "Start from a damaged log by dropping what cannot be read. The log lines say what was dropped. Without it the " +
      "broker names file and offset and does not start.",
  },
  ...redisKeys,
  ...listenerKeys,
  logLevel: {
    section: "Logging",
    kind: choice("trace", "debug", "info", "warn", "error", "silent"),
    default: "info",
    description: "Least level that is logged.",
  },
  logFormat: {
    section: "Logging",
    kind: choice("auto", "json", "text"),
    default: "auto",
    description: "One JSON object or one readable text a line. `auto` is text on a terminal and JSON otherwise.",
  },
  defaultUser: {
    section: "First start",
    kind: text("NAME", "a name"),
    default: "guest",
    description:
      "Administrator that is made where the store is empty. The user `guest` may connect from this machine only; any " +
      "other name may from everywhere.",
  },
  defaultPassword: {
    section: "First start",
    kind: text("PASSWORD", "a password"),
    default: "guest",
    description:
      "Password of that user. Better given as a variable or in the file than as a flag, which others can see.",
  },
  sessionsAcrossUsers: {
    section: "Users",
    kind: onOff(),
    default: false,
    description:
      "Lets users take over the MQTT sessions and durable STOMP subscriptions of each other, by coming with the same client " +
      "id, or destination and id. Otherwise the newcomer is refused.",
  },
  memoryHighWatermark: {
    section: "Alarms",
    kind: watermark(),
    default: 0.6,
    description:
      "Memory in use (heap and buffers, or what the broker counts) at which publishers are blocked. A fraction counts " +
      "from the memory of the machine or of the control group, whichever is less. [What is measured](alarms.md).",
  },
  diskFreeLimit: {
    section: "Alarms",
    kind: bytes(0),
    default: 50_000_000,
    description:
      "Free bytes on the disk of the data directory, or of the spill folder while something is in it, below which " +
      "publishers are blocked. 0 turns it off.",
  },
  heartbeat: {
    section: "AMQP",
    kind: duration(0, 65_535_000),
    default: 60_000,
    description:
      "Interval offered for heartbeats, in whole seconds; the client may choose another. 0 offers none. A peer " +
      "silent for two intervals is cut off.",
  },
  frameMax: {
    section: "AMQP",
    kind: bytes(4096, 128 * 1024 * 1024),
    default: 131_072,
    description: "Largest frame offered. A client may ask for less, down to 4096.",
  },
  channelMax: {
    section: "AMQP",
    kind: count(1, 65_535),
    default: 2047,
    description: "Channels that one connection may open.",
  },
  handshakeTimeout: {
    section: "AMQP",
    kind: duration(100, 3_600_000),
    default: 10_000,
    description:
      "Time that a client of any protocol has from connecting to the end of its login, TLS and WebSocket included, and a " +
      "request over HTTP to come.",
  },
  stompAnonymousUser: {
    section: "STOMP",
    kind: text("NAME|off", "a name, or off"),
    default: "guest",
    description:
      "Who a STOMP client is that sends neither login nor passcode. As long as it is `guest`, such clients may connect " +
      "from this machine only. `off` refuses them.",
  },
  stompAnonymousPassword: {
    section: "STOMP",
    kind: text("PASSWORD", "a password"),
    default: "guest",
    description: "Password of that user.",
  },
  stompOrigins: {
    section: "STOMP",
    kind: origins(),
    default: [],
    description:
      "Pages that may connect by WebSocket, by their origin. A browser sends it; clients that are no browser have none " +
      "and are not asked. With `all` a page needs a login and a passcode, and is not `guest` unless this machine served " +
      "it: only pages that are named may be anonymous.",
  },
  stompBodyMax: {
    section: "STOMP",
    kind: bytes(1024, 512 * 1024 * 1024),
    default: 4 * 1024 * 1024,
    description: "Largest body of a STOMP frame. `max-message-size` counts too.",
  },
  ...mqttKeys,
  tlsCertificate: {
    section: "TLS",
    kind: text("FILE|off", "a path, or off"),
    default: "off",
    description: "Certificate of the listeners that speak TLS, with its chain, in PEM.",
  },
  tlsKey: {
    section: "TLS",
    kind: text("FILE|off", "a path, or off"),
    default: "off",
    description: "Private key of that certificate, in PEM.",
  },
  tlsCa: {
    section: "TLS",
    kind: text("FILE|off", "a path, or off"),
    default: "off",
    description:
      "Certificates of the authorities that sign those of clients, in PEM. Where it is given, clients are asked for a " +
      "certificate, and one of these authorities names its client. A client without one, or with one of somebody else, " +
      "may connect all the same and needs a password.",
  },
  maxMessageSize: {
    section: "Limits",
    kind: bytes(1, 512 * 1024 * 1024),
    default: defaultLimits.messageBytesMax,
    description: "Largest message body accepted. With `store` in Redis at most 500MiB.",
  },
  originHeaders: {
    section: "Messages",
    kind: onOff(),
    default: false,
    description:
      "Adds headers that tell who published it to every message: `x-origin-protocol`, `x-origin-user`, `x-origin-peer` " +
      "and, from MQTT, `x-origin-client-id`. It costs time for each message.",
  },
  ...limitKeys,
  unauthenticatedPerAddressMax: {
    section: "Limits",
    kind: count(1, 1_000_000_000),
    default: defaultDoorLimits.unauthenticatedPerAddressMax,
    description:
      "Connections of one address that have not logged in yet. A newer one is closed. Where all clients come from one " +
      "address, that of a proxy for instance, it bounds how many may log in at the same time.",
  },
};

/** The names of all settings. */
export const configNames: readonly (keyof Config)[] = Object.keys(configKeys) as (keyof Config)[];
