import { randomBytes } from "node:crypto";
import fs from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** Where there is no /proc a process is known by its pid alone. */
const unknownIdentity = "unknown";
/** Stands for a process that has ended; no lock file carries it. */
const endedIdentity = "ended";

/** Another broker uses the directory. */
export class DirectoryInUseError extends Error {
  readonly pid: number;

  constructor(directory: string, pid: number) {
    super(`the data directory ${directory} is in use by the process with pid ${pid}`);
    this.name = "DirectoryInUseError";
    this.pid = pid;
  }
}

const attemptsMax = 4;
const retryMsMax = 40;

/**
 * Takes the directory for this process; resolves with the release. The lock is an empty file that names its owner:
 *
 *     lock.<pid>.<when the process started>.<random>
 *
 * The start time is there because pids are reused. Whoever comes puts its own file down first and looks at the others
 * then, so of two that come at once never both get in; at worst both step back, and try again a little later. A file
 * whose process is gone holds nobody off and is removed, which harms nobody because no name comes twice.
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const identity = (await processIdentity(process.pid)) ?? unknownIdentity;
  for (let attempt = 1; ; attempt++) {
    const name = `lock.${process.pid}.${identity}.${randomBytes(6).toString("hex")}`;
    const path = join(directory, name);
    const release = (): Promise<void> => fs.rm(path, { force: true });
    await fs.writeFile(path, "", { flag: "wx", mode: 0o640 });
    const holder = await otherHolder(directory, name).catch(async (error: unknown) => {
      await release();
      throw error;
    });
    if (holder === 0) return release;
    await release();
    if (attempt === attemptsMax) throw new DirectoryInUseError(directory, holder);
    await delay(Math.random() * retryMsMax);
  }
}

/** The pid of a living process that has or wants the directory, 0 where there is none. Removes the files of dead ones. */
async function otherHolder(directory: string, ownName: string): Promise<number> {
  for (const name of await fs.readdir(directory)) {
    const [prefix, pidText, identity] = name.split(".");
    if (prefix !== "lock" || name === ownName || pidText === undefined || identity === undefined) continue;
    const pid = Number(pidText);
    if (await isAlive(pid, identity)) return pid;
    await fs.rm(join(directory, name), { force: true });
  }
  return 0;
}

/** True where the process that took the lock as `identity` still runs. */
async function isAlive(pid: number, identity: string): Promise<boolean> {
  const now = await processIdentity(pid);
  if (now !== null && identity !== unknownIdentity) return now === identity;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Boot and start time of a process (proc(5), field 22 of stat); null where it is gone or there is no /proc. */
async function processIdentity(pid: number): Promise<string | null> {
  try {
    const stat = await fs.readFile(`/proc/${pid}/stat`, "utf8");
    // The second field is the command in parentheses and may hold anything, so count from the last parenthesis.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // Killed, and its parent has not asked for its exit code yet: it holds nothing any more.
    if (fields[0] === "Z" || fields[0] === "X") return endedIdentity;
    const startTime = fields[19];
    const boot = await fs.readFile("/proc/sys/kernel/random/boot_id", "utf8");
    return `${boot.slice(0, 8)}-${startTime}`;
  } catch {
    return null;
  }
}
