import type { Config } from "./config.ts";
import type { ConfigKey } from "./config-keys.ts";
import { count, duration, onOff, text, textLike } from "./value-kinds.ts";

type RedisConfig = Pick<Config, "clusterName" | Extract<keyof Config, `redis${string}`>>;

const section = "Redis";

/** What concerns a store in Redis alone. */
export const redisKeys: { readonly [Name in keyof RedisConfig]: ConfigKey<RedisConfig[Name]> } = {
  clusterName: {
    section,
    // Braces would say which part of a key decides its slot.
    kind: textLike(/^[\w.-]{1,100}$/, "NAME", "up to 100 letters, digits, dots, hyphens and underscores"),
    default: "default",
    description:
      "Brokers of one name share what Redis keeps: one of them serves clients, the others stand by and take over. " +
      "Brokers of different names do not meet, in the same database either.",
  },
  redisLease: {
    section,
    kind: duration(500, 600_000),
    default: 3000,
    description:
      "How long a broker that is gone without a word still counts as the leader: a standby takes over after that time. " +
      "Less makes it faster, and more likely that a broker is taken for dead which was only held up.",
  },
  redisWaitReplicas: {
    section,
    kind: count(0, 100),
    default: 0,
    description: "Replicas of Redis that must have a message before it is confirmed (`WAIT`).",
  },
  redisWaitAof: {
    section,
    kind: onOff(),
    default: false,
    description:
      "Confirms a message when it is in Redis' append-only file on disk, and in that of `redis-wait-replicas` replicas " +
      "(`WAITAOF`, from Redis 7.2 on).",
  },
  redisTimeout: {
    section,
    kind: duration(100, 600_000),
    default: 5000,
    description: "Redis is given so long for an answer, and for a connection, before the connection is made anew.",
  },
  redisTlsCa: {
    section,
    kind: text("FILE|off", "a path, or off"),
    default: "off",
    description:
      "Certificates of the authorities that may sign that of Redis, in PEM, for rediss addresses. `off`: those that " +
      "Node knows.",
  },
  redisTlsCertificate: {
    section,
    kind: text("FILE|off", "a path, or off"),
    default: "off",
    description: "The broker's own certificate, in PEM, where Redis asks for one.",
  },
  redisTlsKey: {
    section,
    kind: text("FILE|off", "a path, or off"),
    default: "off",
    description: "Private key of that certificate, in PEM.",
  },
  redisTlsServerName: {
    section,
    kind: text("NAME|off", "a name, or off"),
    default: "off",
    description: "The name in the certificate of Redis. `off`: the host in the address.",
  },
  redisSentinelUser: {
    section,
    kind: text("NAME|off", "a name, or off"),
    default: "off",
    description: "Who the broker is to the sentinels; the user in the address is for the servers behind them.",
  },
  redisSentinelPassword: {
    section,
    kind: text("PASSWORD|off", "a password, or off"),
    default: "off",
    description: "Password for the sentinels.",
  },
};
