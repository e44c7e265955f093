import { accessSync, constants, mkdirSync } from "node:fs";
import { type Clock, type Logger, MemoryStorage } from "@jackalope/core";
import type { StorageEngine } from "@jackalope/core/storage";
import { openLogStorage } from "@jackalope/storage-log";
import type { Config } from "./config/config.ts";
import { StartError, systemErrorCode } from "./start-error.ts";

/** Opens the engine that `config.store` names. Throws StartError where that cannot be. */
export async function openStorage(config: Config, clock: Clock, logger: Logger): Promise<StorageEngine> {
  if (config.store === "memory") return new MemoryStorage();
  if (config.store !== "embedded") {
    throw new StartError(
      `store: ${withoutPassword(config.store)} needs the Redis engine, which this build does not have`,
    );
  }
  makeDirectory(config.dataDir);
  try {
    return await openLogStorage({
      directory: config.dataDir,
      sync: config.sync,
      syncIntervalMs: config.syncInterval,
      repair: config.repair,
      clock,
      logger,
    });
  } catch (error) {
    throw new StartError(`data-dir: ${(error as Error).message}`, error);
  }
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
