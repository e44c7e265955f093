import { accessSync, constants, mkdirSync } from "node:fs";
import { type Clock, type Logger, MemoryStorage } from "@jackalope/core";
import type { StorageEngine } from "@jackalope/core/storage";
import { CorruptLogError, DirectoryInUseError, openLogStorage } from "@jackalope/storage-log";
import type { Config } from "./config/config.ts";
import { StartError, systemErrorCode } from "./start-error.ts";

/** Makes the engine that `config.store` names. Throws StartError where that cannot be. */
export function openStorage(config: Config, clock: Clock, logger: Logger): StorageEngine {
  if (config.store === "memory") return new MemoryStorage();
  if (config.store !== "embedded") {
    throw new StartError(
      `store: ${withoutPassword(config.store)} needs the Redis engine, which this build does not have`,
    );
  }
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
  ["ENOSPC", "the disk is full"],
]);

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
    accessSync(path, constants.W_OK);
  } catch (error) {
    const reason = reasons.get(systemErrorCode(error)) ?? (error as Error).message;
    throw new StartError(`data-dir: cannot use ${path}: ${reason}`, error);
  }
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^@/]*@/, "//…@");
}
