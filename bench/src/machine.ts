import { readFileSync, realpathSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly node: string;
  readonly kernel: string;
  /** Of the directory in which the peers keep their data. */
  readonly filesystem: string;
}

export function describeMachine(dataDirectory: string): Machine {
  return {
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    node: process.version,
    kernel: `Linux ${release()}`,
    filesystem: filesystemOf(dataDirectory),
  };
}

/** The type of the mount with the longest path above the directory. */
function filesystemOf(directory: string): string {
  const path = `${realpathSync(directory)}/`;
  let best = { path: "", type: "unknown" };
  for (const line of readFileSync("/proc/mounts", "utf8").split("\n")) {
    const [, mountPoint, type] = line.split(" ");
    if (mountPoint === undefined || type === undefined) continue;
    const prefix = mountPoint.endsWith("/") ? mountPoint : `${mountPoint}/`;
    if (path.startsWith(prefix) && prefix.length >= best.path.length) best = { path: prefix, type };
  }
  return best.type;
}
