import { readFileSync } from "node:fs";
import { totalmem } from "node:os";
import { dirname } from "node:path/posix";

/** Reads a file of the system as text. Throws where there is none. */
export type ReadSystemFile = (path: string) => string;

/** Where a kind of control group is mounted, and the file with its limit. */
interface Hierarchy {
  readonly mounts: readonly string[];
  readonly limitFile: string;
}

/** Version 2 stands beside version 1 where a system has both. */
const version2: Hierarchy = { mounts: ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"], limitFile: "memory.max" };
const version1: Hierarchy = { mounts: ["/sys/fs/cgroup/memory"], limitFile: "memory.limit_in_bytes" };

/** Bytes that this process may use: the machine's memory, or what its control groups may take where that is less. */
export function availableMemoryBytes(): number {
  // 0 where there is no control group, a number beyond all memory where the group has no limit.
  const constrained = process.constrainedMemory() || Number.POSITIVE_INFINITY;
  return Math.min(constrained, controlGroupBytesMax(readSystemFile), totalmem());
}

/**
 * The least limit of the control group that this process is in and of all groups around it: each of them ends the process,
 * and Node looks at the innermost one alone, as a service in a slice or a pod has none. Infinity where nothing is limited.
 */
export function controlGroupBytesMax(read: ReadSystemFile): number {
  let least = Number.POSITIVE_INFINITY;
  for (const line of textOf(read, "/proc/self/cgroup").split("\n")) {
    // 4:memory:/path in version 1, 0::/path in version 2.
    const [, number, controllers, path] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    const isVersion2 = number === "0" && controllers === "";
    if (!isVersion2 && !controllers.split(",").includes("memory")) continue;
    const { mounts, limitFile } = isVersion2 ? version2 : version1;
    for (const mount of mounts) least = Math.min(least, leastLimit(read, mount, path, limitFile));
  }
  return least;
}

/** Over all groups from `path` up to where they are mounted, which in a container is the container's own. */
function leastLimit(read: ReadSystemFile, mount: string, path: string, limitFile: string): number {
  let least = Number.POSITIVE_INFINITY;
  // A path that begins with /.. is outside of what is mounted here.
  for (let group = path.startsWith("/..") ? "/" : path; ; group = dirname(group)) {
    const limit = Number.parseInt(textOf(read, `${mount}${group === "/" ? "" : group}/${limitFile}`), 10);
    // "max" and what cannot be read are no limit.
    if (limit > 0) least = Math.min(least, limit);
    if (group === "/") return least;
  }
}

function textOf(read: ReadSystemFile, path: string): string {
  try {
    return read(path);
  } catch {
    return "";
  }
}

function readSystemFile(path: string): string {
  return readFileSync(path, "utf8");
}
