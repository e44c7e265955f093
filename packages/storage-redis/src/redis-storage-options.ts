import type { Clock, Logger } from "@jackalope/core/storage";
import type { RedisTls } from "./redis-client.ts";
import type { LeaseLostError } from "./redis-error.ts";

export interface RedisStorageOptions {
  /** See `parseRedisAddress`. */
  readonly address: string;
  /** Brokers of one name share what is stored. Default "default". */
  readonly cluster?: string;
  /** How long a broker that does not answer keeps its lease, in milliseconds. Default 3000. */
  readonly leaseMs?: number;
  /** Replicas that must have a commit before anything in it is confirmed. Default 0. */
  readonly waitReplicas?: number;
  /** Asks for WAITAOF (Redis 7.2): the disk of the master, and of `waitReplicas` replicas. Default false. */
  readonly waitAof?: boolean;
  /** Redis is given so long for an answer before the connection is made anew. Default 5000. */
  readonly answerTimeoutMs?: number;
  /** `close` waits so long for what is not committed yet. Default 5000. */
  readonly closeTimeoutMs?: number;
  /** Settled messages stay in Redis up to so many bytes, and as many as the unsettled ones. Default 64 MiB. */
  readonly garbageBytesMax?: number;
  /** Certificates for `rediss:`. */
  readonly tls?: RedisTls;
  /** Log-in for sentinels; that of the address is for the servers behind them. */
  readonly sentinelUserName?: string;
  readonly sentinelPassword?: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Another broker leads, the one of this name: this one is a standby. Called again where the leader changes. */
  readonly onStandby?: (leader: string) => void;
  /** Redis does not answer, for this reason; it is asked again and again. Called once for each reason. */
  readonly onUnreachable?: (reason: string) => void;
  /** This broker leads: recovery begins. */
  readonly onLease?: () => void;
  /** Another broker has taken over. Nothing is written from then on; the broker on top has to close. */
  readonly onLeaseLost?: (error: LeaseLostError) => void;
}
