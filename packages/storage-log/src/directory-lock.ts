import fs from "node:fs/promises";
import { join } from "node:path";

/** Another broker uses the directory. */
export class DirectoryInUseError extends Error {
  readonly pid: number;

  constructor(directory: string, pid: number) {
    super(`the data directory ${directory} is in use by the process with pid ${pid}`);
    this.name = "DirectoryInUseError";
    this.pid = pid;
  }
}

/**
 * Takes `directory/lock` for this process; resolves with the release. The file names the pid, and the start time of that
 * process beside it because pids are reused: a lock left by a process that is gone is taken over.
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, "lock");
  const content = `${process.pid} ${(await processIdentity(process.pid)) ?? ""}\n`;
  for (let attempt = 0; attempt < 10; attempt++) {
    try {
      await fs.writeFile(path, content, { flag: "wx", mode: 0o640 });
      return () => fs.rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const found = await fs.readFile(path, "utf8").catch(() => null);
    if (found === null) continue; // released just now
    const pid = Number.parseInt(found, 10);
    if (await isAlive(pid, found)) throw new DirectoryInUseError(directory, pid);
    await removeStale(path, found);
  }
  throw new Error(`cannot take the lock ${path}: it keeps changing`);
}

/** True where the process that wrote `content` still runs. */
async function isAlive(pid: number, content: string): Promise<boolean> {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  const written = content.slice(content.indexOf(" ") + 1).trim();
  const identity = await processIdentity(pid);
  if (identity !== null && written !== "") return identity === written;
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
    const startTime = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    const boot = await fs.readFile("/proc/sys/kernel/random/boot_id", "utf8");
    return `${boot.trim()}/${startTime}`;
  } catch {
    return null;
  }
}

/** Moves the stale lock away; of two processes that do so at once only one moves the stale file, the other puts back. */
async function removeStale(path: string, stale: string): Promise<void> {
  const aside = `${path}.${process.pid}`;
  try {
    await fs.rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if ((await fs.readFile(aside, "utf8")) !== stale) await fs.link(aside, path).catch(() => {});
  await fs.rm(aside, { force: true });
}
