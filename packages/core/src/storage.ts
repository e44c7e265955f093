/** The seam for storage engines. */
export type {
  Lsn,
  RecoveryVisitor,
  StorageEngine,
  StorageListener,
  StorageStatistics,
  StoredMessage,
} from "./storage-engine.ts";
export type { SpillArea, SpillListener, SpillPosition, SpillStatistics } from "./spill-area.ts";
export { Message } from "./message.ts";
export { type MessageFormat, messageFormat, registerMessageFormat } from "./message-format.ts";
export { Route } from "./route.ts";
export type { Properties } from "./properties.ts";
export { type Logger, type LogFields, silentLogger } from "./logger.ts";
export { type Clock, type Timer } from "./clock.ts";
export { Deadline } from "./deadline.ts";
export { copyBytes } from "./copy-bytes.ts";
export { timeoutClock } from "./timeout-clock.ts";
