/** One open file. Implementations reject with Node's error codes (`ENOSPC`, `EIO`, …). */
export interface LogFile {
  /** Reads up to `length` bytes at `position` into `buffer` from its start; resolves with their number, 0 at the end. */
  read(buffer: Uint8Array, length: number, position: number): Promise<number>;
  /** Writes the buffers one behind the other at `position`; resolves with the bytes written, which may be fewer. */
  write(buffers: readonly Uint8Array[], position: number): Promise<number>;
  /**
   * As `write`, and what was written survives a power failure when it resolves: one trip to the disk and back where
   * `write` and `sync` are two.
   */
  writeSynced(buffers: readonly Uint8Array[], position: number): Promise<number>;
  /** fdatasync(2): contents and length survive a power failure. */
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  size(): Promise<number>;
  /** True where this very file is what `path` leads to: nobody deleted it, or put another in its place. */
  standsAt(path: string): Promise<boolean>;
  close(): Promise<void>;
}

/**
 * The file operations of the log, so that a test can put a disk in their place that dies, fills up or loses what was not
 * synced. Paths are those of the operating system.
 */
export interface LogFiles {
  /** Creates the directory and its parents where missing. */
  makeDirectory(path: string): Promise<void>;
  /** Names in a directory, in any order. */
  list(path: string): Promise<string[]>;
  /** "create" makes an empty file, replacing an old one; "open" needs it to exist. Both read and write. */
  open(path: string, mode: "create" | "open"): Promise<LogFile>;
  remove(path: string): Promise<void>;
  /** The contents of a small file, null where there is none. */
  readNote(path: string): Promise<Buffer | null>;
  /** Puts `bytes` in the place of what a small file has, which is made where missing; synced on demand. */
  writeNote(path: string, bytes: Uint8Array, synced: boolean): Promise<void>;
  /** Removes an empty directory. */
  removeDirectory(path: string): Promise<void>;
  /** Makes creations and removals in a directory survive a power failure. */
  syncDirectory(path: string): Promise<void>;
  /** Keeps others out of the directory until the returned call. Rejects where another process is in. */
  lock(path: string): Promise<() => Promise<void>>;
}
