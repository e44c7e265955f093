import { accessSync, constants, existsSync, mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type Clock, type Logger, MemoryStorage } from "@jackalope/core";
import type { StorageEngine } from "@jackalope/core/storage";
import { CorruptLogError, DirectoryInUseError, openLogStorage } from "@jackalope/storage-log";
import { CorruptStreamError, openRedisStorage, UnsuitableRedisError } from "@jackalope/storage-redis";
import type { Config } from "./config/config.ts";
import { redisOptions } from "./redis-options.ts";
import { StartError, systemErrorCode } from "./start-error.ts";

/** What a store that several brokers share tells. */
export interface StorageEvents {
  /** Another broker leads, the one of this name; this one waits. Told again where the leader changes. */
  readonly onStandby: (leader: string) => void;
  /** The store does not answer, for this reason; it is asked again and again. */
  readonly onUnreachable: (reason: string) => void;
  /** This broker leads; recovery begins. */
  readonly onLease: () => void;
  /** Another broker has taken over: nothing is stored any more. */
  readonly onLeaseLost: (error: Error) => void;
}

/** True for a store on which one of several brokers leads. */
export function isShared({ store }: Pick<Config, "store">): boolean {
  return store !== "memory" && store !== "embedded";
}

/** Makes the engine that `config.store` names. Throws StartError where that cannot be. */
export function openStorage(config: Config, clock: Clock, logger: Logger, events: StorageEvents): StorageEngine {
  if (config.store === "memory") return new MemoryStorage();
  if (isShared(config)) return openRedisStorage({ ...redisOptions(config), ...events, clock, logger });
  makeDirectory(config.dataDir);
  return openLogStorage({
    directory: config.dataDir,
    sync: config.sync,
    syncIntervalMs: config.syncInterval,
    repair: config.repair,
    clock,
    logger,
  });
}

/** An engine's refusal to recover as a StartError, where it is one for a person; other errors as they are. */
export function recoveryFailure(error: unknown): unknown {
  if (error instanceof CorruptStreamError || error instanceof UnsuitableRedisError)
    return new StartError(`store: ${error.message}`, error);
  const expected =
    error instanceof CorruptLogError || error instanceof DirectoryInUseError || systemErrorCode(error) !== "";
  return expected ? new StartError(`data-dir: ${(error as Error).message}`, error) : error;
}

const reasons = new Map([
  ["EACCES", "this user may not write there"],
  ["EPERM", "this user may not write there"],
  ["EROFS", "the disk is read-only"],
  ["EEXIST", "it is not a folder"],
  ["ENOTDIR", "a part of the path is not a folder"],
  ["ENOENT", "no folder can be made there"],
  ["ENOSPC", "the disk is full"],
]);

/**
 * Makes the folder and those above it. Node's own `recursive` never returns where a folder that is there answers ENOENT,
 * as those of /proc do.
 */
function makeWithParents(path: string): void {
  const parent = dirname(path);
  if (!existsSync(parent)) makeWithParents(parent);
  try {
    mkdirSync(path);
  } catch (error) {
    // Somebody may have made it a moment ago.
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw error;
  }
}

function makeDirectory(path: string): void {
  try {
    makeWithParents(resolve(path));
    accessSync(path, constants.W_OK);
  } catch (error) {
    const reason = reasons.get(systemErrorCode(error)) ?? (error as Error).message;
    throw new StartError(`data-dir: cannot use ${path}: ${reason}`, error);
  }
}
