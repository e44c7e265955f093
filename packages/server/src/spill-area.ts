import { join } from "node:path";
import type { Clock, Logger } from "@jackalope/core";
import type { SpillArea } from "@jackalope/core/storage";
import { openSpillArea } from "@jackalope/storage-log";
import type { Config } from "./config/config.ts";
import { dataDirDefault } from "./config/config-keys.ts";

/** The spill area that the settings ask for; null where backlogs of transient messages stay in memory. */
export function spillAreaOf(config: Config, clock: Clock, logger: Logger): SpillArea | null {
  const directory = spillDirectoryOf(config);
  return directory === null ? null : openSpillArea({ directory, clock, logger });
}

/** The folder of the spill area, null for none. */
export function spillDirectoryOf({
  spillDir,
  dataDir,
  store,
}: Pick<Config, "spillDir" | "dataDir" | "store">): string | null {
  if (spillDir === "off") return null;
  if (spillDir !== "auto") return spillDir;
  // An embedded broker that keeps nothing has no folder either, unless it was given one.
  if (store === "memory" && dataDir === dataDirDefault) return null;
  return join(dataDir, "spill");
}
