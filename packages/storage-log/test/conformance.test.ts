import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { storageConformance, type StorageUnderTest } from "@jackalope/testkit";
import { describe } from "vitest";
import { type LogStorageOptions, openLogStorage } from "../src/index.ts";

function log(name: string, options: Partial<LogStorageOptions>): StorageUnderTest {
  return {
    name,
    async create() {
      const directory = await mkdtemp(join(tmpdir(), "jackalope-log-"));
      return {
        engine: () => openLogStorage({ directory, ...options }),
        discard: () => rm(directory, { recursive: true }),
      };
    },
  };
}

const engines = [
  log("log", {}),
  log("log with tiny segments", { segmentBytes: 2000 }),
  log("log, sync interval", { sync: "interval", syncIntervalMs: 5 }),
  log("log, sync never", { sync: "never", segmentBytes: 10_000 }),
];

describe.each(engines)("storage: $name", storageConformance);
