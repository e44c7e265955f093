import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { DirectoryInUseError } from "../directory-lock.ts";
import type { LogFiles } from "../log-files.ts";
import type { SpillSegment } from "./spill-segment.ts";

/** Processes that may share the folder, as brokers on one Redis do that stand by for each other on one machine. */
const slotsMax = 64;
const fileSuffix = ".spill";

/**
 * The files of a spill area. A process takes the first free of a few folders, so that none removes another's files:
 *
 *     <directory>/1/lock.…   <directory>/1/<random>-0000000001.spill   …   <directory>/2/…
 */
export class SpillFolder {
  readonly #files: LogFiles;
  readonly #directory: string;
  /**
   * In every name: two containers that share a volume cannot see each other's processes. They may take names away from
   * each other then, which harms no open file, and must not write to the same one.
   */
  readonly #token = randomBytes(6).toString("hex");
  /** Null until the first file is made. */
  #slot: string | null = null;
  #unlock: (() => Promise<void>) | null = null;

  constructor(files: LogFiles, directory: string) {
    this.#files = files;
    this.#directory = directory;
  }

  /** Removes what processes have left that are gone. */
  async clear(): Promise<void> {
    const names = await this.#names(this.#directory);
    // A disk in memory lists what is in folders with the folder's name before it.
    const slots = new Set(names.map((name) => name.split("/", 1)[0] as string));
    for (const slot of slots) {
      if (!/^\d+$/.test(slot)) continue;
      const path = join(this.#directory, slot);
      const unlock = await this.#lock(path);
      if (unlock === null) continue;
      await this.#empty(path);
      await unlock();
      await this.#removeFolder(path);
    }
    if (slots.size > 0) await this.#removeFolder(this.#directory);
  }

  /** Makes the file of a segment. */
  async create(segment: SpillSegment): Promise<void> {
    this.#slot ??= await this.#take();
    try {
      const path = join(this.#slot, `${this.#token}-${String(segment.id).padStart(10, "0")}${fileSuffix}`);
      segment.file = await this.#files.open(path, "create");
      segment.path = path;
    } catch (error) {
      // Somebody has removed the folder: the next try makes it again.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") await this.#letGo();
      throw error;
    }
  }

  /** Closes and removes the file of a segment, if it has one. */
  async remove(segment: SpillSegment): Promise<void> {
    const { file, path } = segment;
    if (file === null) return;
    segment.file = null;
    await file.close();
    await this.#files.remove(path);
  }

  /** Lets go of the folder, which is to be empty. */
  async close(): Promise<void> {
    const slot = this.#slot;
    if (slot === null) return;
    await this.#letGo();
    await this.#removeFolder(slot);
    await this.#removeFolder(this.#directory);
  }

  async #take(): Promise<string> {
    for (let number = 1; number <= slotsMax; number++) {
      const path = join(this.#directory, `${number}`);
      await this.#files.makeDirectory(path);
      const unlock = await this.#lock(path);
      if (unlock === null) continue;
      this.#unlock = unlock;
      await this.#empty(path);
      return path;
    }
    throw new Error(`${slotsMax} processes use ${this.#directory}`);
  }

  async #letGo(): Promise<void> {
    const unlock = this.#unlock;
    this.#slot = null;
    this.#unlock = null;
    await unlock?.();
  }

  /** Null where another process has the folder. */
  async #lock(path: string): Promise<(() => Promise<void>) | null> {
    try {
      return await this.#files.lock(path);
    } catch (error) {
      if (error instanceof DirectoryInUseError) return null;
      throw error;
    }
  }

  async #empty(path: string): Promise<void> {
    for (const name of await this.#names(path)) {
      if (name.endsWith(fileSuffix)) await this.#files.remove(join(path, name));
    }
  }

  async #names(path: string): Promise<string[]> {
    try {
      return await this.#files.list(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  }

  /** Leaves it where something is in it. */
  async #removeFolder(path: string): Promise<void> {
    await this.#files.removeDirectory(path).catch(() => undefined);
  }
}
