/** The broker's domain: what management, the server and embedding programs use. */
export { type AlarmKind, Alarms } from "./alarms.ts";
export { hashPassword, verifyPassword } from "./auth/password-hash.ts";
export { type Permission, type PermissionPatterns, type TopicPermissionPatterns, User } from "./auth/user.ts";
export { isLoopback, UserDirectory } from "./auth/user-directory.ts";
export { Broker, type BrokerOptions, type DefaultUser } from "./broker.ts";
export { fixedLimits } from "./fixed-limits.ts";
export { Containment, type FailurePlace } from "./containment.ts";
export { defaultLimits, type Limits } from "./limits.ts";
export { MemoryStorage } from "./memory-storage.ts";
export { type DeathReason } from "./queue/dead-letter.ts";
export type { Queue } from "./queue/queue.ts";
export { SystemClock } from "./system-clock.ts";
export { type DropReason, Totals } from "./totals.ts";
export { VirtualHost } from "./virtual-host.ts";
export { Exchange } from "./exchange/exchange.ts";
export { BrokerError, type BrokerErrorCode } from "./errors.ts";
export { type LogFields, type Logger, silentLogger } from "./logger.ts";
export type { Clock, Timer } from "./clock.ts";
