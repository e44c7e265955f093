import { dirname } from "node:path";
import { FaultyFile, type Survival } from "./faulty-file.ts";

/** What changes a disk, and so what can fail or be the last thing that a process does. */
export type DiskOperation = "create" | "write" | "sync" | "truncate" | "remove" | "syncDirectory";

/** How far the operation gets at which the process dies. */
export type DeathMoment = "before" | "partly" | "after";

interface NameChange {
  readonly path: string;
  /** Null where the name was removed. */
  readonly file: FaultyFile | null;
}

interface Fault {
  readonly operation: DiskOperation;
  readonly code: string;
  left: number;
}

/**
 * A disk in memory for the log engine (its LogFiles): counts what is done to it, lets the process die at any of its
 * operations, fails operations, fills up, writes short, and starts again after a crash with more or less of what was
 * not synced.
 */
export class FaultyDisk {
  /** Changing operations so far. */
  operations = 0;
  died = false;
  /** Bytes that all files together may take. */
  capacityBytes: number = Number.POSITIVE_INFINITY;
  /** Every write of more than one byte writes only half. */
  shortWrites = false;
  #names = new Map<string, FaultyFile>();
  #durableNames = new Map<string, FaultyFile>();
  /** Creations and removals that no directory sync has covered. */
  #nameChanges: NameChange[] = [];
  /** Small files with what is visible of them and what a power failure leaves for certain. */
  readonly #notes = new Map<string, { visible: Buffer; durable: Buffer | null }>();
  #locked = new Set<string>();
  #faults: Fault[] = [];
  #deathAt = 0;
  #deathMoment: DeathMoment = "before";
  #life = 0;
  #onDeath: () => void = () => {};

  /** The process dies at the operation with this number, the first being 1; its promise and all later ones never settle. */
  dieAt(operation: number, moment: DeathMoment, onDeath: () => void): void {
    this.#deathAt = operation;
    this.#deathMoment = moment;
    this.#onDeath = onDeath;
  }

  /** The next `times` operations of a kind fail with an error code. */
  fail(operation: DiskOperation, code: string, times: number = 1): void {
    this.#faults.push({ operation, code, left: times });
  }

  /** The process is gone and its memory with it. Where `survival` is "process", the page cache is still there. */
  crash(survival: Survival | "process", random: () => number): void {
    this.#life++;
    this.died = false;
    this.#deathAt = 0;
    this.operations = 0;
    this.#faults = [];
    this.#locked.clear();
    if (survival === "process") return;
    for (const change of this.#survivingNames(survival, random)) this.#applyName(change);
    this.#nameChanges = [];
    this.#names = new Map(this.#durableNames);
    for (const file of this.#names.values()) file.losePower(survival, random);
    for (const [path, note] of this.#notes) {
      const kept = survival === "all" || (survival !== "none" && random() < 0.5) ? note.visible : note.durable;
      if (kept === null) this.#notes.delete(path);
      else this.#notes.set(path, { visible: kept, durable: kept });
    }
  }

  /** The visible contents of a small file, null where there is none. */
  note(path: string): Buffer | null {
    return this.#notes.get(path)?.visible ?? null;
  }

  /** Writes a small file whole. */
  putNote(path: string, bytes: Buffer, synced: boolean): void {
    this.#notes.set(path, { visible: bytes, durable: synced ? bytes : (this.#notes.get(path)?.durable ?? null) });
  }

  /** Paths of the files that exist, sorted. */
  paths(): string[] {
    return [...this.#names.keys()].toSorted();
  }

  file(path: string): FaultyFile {
    const file = this.#names.get(path);
    if (file === undefined) throw failure("ENOENT", path);
    return file;
  }

  /** The file operations of one process, until `crash`: those of a process that is gone never settle. */
  process(): FaultyProcess {
    return new FaultyProcess(this, this.#life);
  }

  /** Bytes of all files. */
  get usedBytes(): number {
    let bytes = 0;
    for (const file of this.#names.values()) bytes += file.visible.length;
    return bytes;
  }

  /**
   * Does one changing operation in a later turn of the event loop. `partly` is what a death in its middle leaves, and
   * `failed` what a failure does.
   */
  async change(
    life: number,
    operation: DiskOperation,
    act: () => void,
    partly?: () => void,
    failed?: () => void,
  ): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.died || life !== this.#life) return new Promise(() => {});
    if (++this.operations === this.#deathAt) return this.#die(act, partly);
    const fault = this.#faults.find((candidate) => candidate.operation === operation && candidate.left > 0);
    if (fault !== undefined) {
      fault.left--;
      failed?.();
      throw failure(fault.code, operation);
    }
    act();
  }

  /** Does what is no operation of its own, unless the process is gone. */
  quietly(life: number, act: () => void): void {
    if (!this.died && life === this.#life) act();
  }

  #die(act: () => void, partly?: () => void): Promise<never> {
    if (this.#deathMoment === "after") act();
    else if (this.#deathMoment === "partly") partly?.();
    this.died = true;
    this.#onDeath();
    return new Promise(() => {});
  }

  /** Names of the files in a directory. */
  names(directory: string): string[] {
    const names: string[] = [];
    for (const path of this.#names.keys()) {
      if (path.startsWith(`${directory}/`)) names.push(path.slice(directory.length + 1));
    }
    return names;
  }

  /** Gives a file a name, or with null takes it. */
  changeName(path: string, file: FaultyFile | null): void {
    if (file === null) this.#names.delete(path);
    else this.#names.set(path, file);
    this.#nameChanges.push({ path, file });
  }

  /** Makes the names directly in `directory` durable. */
  syncNames(directory: string): void {
    const inDirectory = (change: NameChange): boolean => dirname(change.path) === directory;
    for (const change of this.#nameChanges.filter(inDirectory)) this.#applyName(change);
    this.#nameChanges = this.#nameChanges.filter((change) => !inDirectory(change));
  }

  lock(life: number, path: string): () => Promise<void> {
    if (this.#locked.has(path)) throw new Error(`${path} is locked`);
    this.#locked.add(path);
    return async () => {
      if (life === this.#life) this.#locked.delete(path);
    };
  }

  /** Without a sync of the directory nothing orders the changes of different names. */
  #survivingNames(survival: Survival, random: () => number): NameChange[] {
    if (survival === "all") return this.#nameChanges;
    if (survival === "none") return [];
    const first = Math.floor(random() * (this.#nameChanges.length + 1));
    if (survival === "first") return this.#nameChanges.slice(0, first);
    const lost = new Set<string>();
    return this.#nameChanges.filter(({ path }) => {
      if (random() < 0.5) lost.add(path);
      return !lost.has(path);
    });
  }

  #applyName(change: NameChange): void {
    if (change.file === null) this.#durableNames.delete(change.path);
    else this.#durableNames.set(change.path, change.file);
  }
}

/** What one process does to the disk. */
export class FaultyProcess {
  readonly #disk: FaultyDisk;
  readonly #life: number;

  constructor(disk: FaultyDisk, life: number) {
    this.#disk = disk;
    this.#life = life;
  }

  async makeDirectory(_path: string): Promise<void> {}

  async list(directory: string): Promise<string[]> {
    return this.#disk.names(directory);
  }

  async open(path: string, mode: "create" | "open"): Promise<OpenFaultyFile> {
    if (mode === "open") return new OpenFaultyFile(this.#disk, this.#life, this.#disk.file(path));
    const file = new FaultyFile();
    await this.#disk.change(this.#life, "create", () => this.#disk.changeName(path, file));
    return new OpenFaultyFile(this.#disk, this.#life, file);
  }

  remove(path: string): Promise<void> {
    return this.#disk.change(this.#life, "remove", () => this.#disk.changeName(path, null));
  }

  async removeDirectory(_path: string): Promise<void> {}

  async readNote(path: string): Promise<Buffer | null> {
    return this.#disk.note(path);
  }

  /** A changing operation only where it is synced: others come and go by the clock, and faults are counted out. */
  async writeNote(path: string, bytes: Uint8Array, synced: boolean): Promise<void> {
    const put = (): void => this.#disk.putNote(path, Buffer.from(bytes), synced);
    if (synced) await this.#disk.change(this.#life, "sync", put);
    else this.#disk.quietly(this.#life, put);
  }

  syncDirectory(path: string): Promise<void> {
    return this.#disk.change(this.#life, "syncDirectory", () => this.#disk.syncNames(path));
  }

  async lock(path: string): Promise<() => Promise<void>> {
    return this.#disk.lock(this.#life, path);
  }
}

/** A descriptor. */
export class OpenFaultyFile {
  readonly #disk: FaultyDisk;
  readonly #life: number;
  readonly #file: FaultyFile;

  constructor(disk: FaultyDisk, life: number, file: FaultyFile) {
    this.#disk = disk;
    this.#life = life;
    this.#file = file;
  }

  async read(buffer: Uint8Array, length: number, position: number): Promise<number> {
    return this.#file.visible.copy(buffer, 0, position, position + length);
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<number> {
    let bytes: Buffer = Buffer.concat(buffers);
    if (this.#disk.shortWrites && bytes.length > 1) bytes = bytes.subarray(0, bytes.length >>> 1);
    await this.#disk.change(
      this.#life,
      "write",
      () => {
        bytes = this.#fitting(bytes, position);
        this.#file.write(position, bytes);
      },
      () => this.#file.write(position, bytes.subarray(0, bytes.length >>> 1)),
    );
    return bytes.length;
  }

  /** Two operations of the disk, so that it can die between them. */
  async writeSynced(buffers: readonly Uint8Array[], position: number): Promise<number> {
    const bytes = await this.write(buffers, position);
    await this.sync();
    return bytes;
  }

  sync(): Promise<void> {
    return this.#disk.change(
      this.#life,
      "sync",
      () => this.#file.sync(),
      undefined,
      () => this.#file.failSync(),
    );
  }

  truncate(length: number): Promise<void> {
    return this.#disk.change(this.#life, "truncate", () => this.#file.truncate(length));
  }

  async size(): Promise<number> {
    return this.#file.visible.length;
  }

  async standsAt(path: string): Promise<boolean> {
    return this.#disk.paths().includes(path) && this.#disk.file(path) === this.#file;
  }

  async close(): Promise<void> {}

  /** As much of `bytes` as the disk takes: none is an error, some is a short write. */
  #fitting(bytes: Buffer, position: number): Buffer {
    const growth = Math.max(0, position + bytes.length - this.#file.visible.length);
    const over = this.#disk.usedBytes + growth - this.#disk.capacityBytes;
    if (over <= 0) return bytes;
    if (over >= bytes.length) throw failure("ENOSPC", "write");
    return bytes.subarray(0, bytes.length - over);
  }
}

function failure(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}
