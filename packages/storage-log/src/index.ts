/** The embedded storage engine, a segmented append-only log under the data directory, and the spill area. */
export { openLogStorage, type LogStorageOptions } from "./log-storage.ts";
export { type SyncMode } from "./commit-loop.ts";
export { CorruptLogError } from "./corrupt-log-error.ts";
export { DirectoryInUseError } from "./directory-lock.ts";
export type { LogFile, LogFiles } from "./log-files.ts";
export { openSpillArea, type SpillAreaOptions } from "./spill/log-spill-area.ts";
