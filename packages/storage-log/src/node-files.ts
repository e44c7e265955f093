import fs from "node:fs";
import { dirname, resolve } from "node:path";
import { lockDirectory } from "./directory-lock.ts";
import type { LogFile, LogFiles } from "./log-files.ts";

/**
 * O_DSYNC makes each write its own fdatasync. Elsewhere than on Linux it promises less than Node's fdatasync does (macOS)
 * or is not there.
 */
const synchronousFlag = process.platform === "linux" ? fs.constants.O_DSYNC : 0;

function openDescriptor(path: string, flags: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(path, flags, 0o640, (error, descriptor) => (error ? reject(error) : resolve(descriptor)));
  });
}

function closeDescriptor(descriptor: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.close(descriptor, (error) => (error ? reject(error) : resolve()));
  });
}

function writeBuffers(descriptor: number, buffers: readonly Uint8Array[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, bytes: number): void => (error ? reject(error) : resolve(bytes));
    const [first] = buffers;
    if (buffers.length === 1 && first !== undefined) fs.write(descriptor, first, 0, first.length, position, done);
    else fs.writev(descriptor, buffers, position, done);
  });
}

/** A raw descriptor with the callback API: fs.promises costs several times as much a call. */
class NodeFile implements LogFile {
  readonly #path: string;
  readonly #descriptor: number;
  /** A second descriptor whose writes are synchronous, once one was asked for; -1 before. */
  #synchronous = -1;

  constructor(path: string, descriptor: number) {
    this.#path = path;
    this.#descriptor = descriptor;
  }

  read(buffer: Uint8Array, length: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.read(this.#descriptor, buffer, 0, length, position, (error, bytes) =>
        error ? reject(error) : resolve(bytes),
      );
    });
  }

  write(buffers: readonly Uint8Array[], position: number): Promise<number> {
    return writeBuffers(this.#descriptor, buffers, position);
  }

  async writeSynced(buffers: readonly Uint8Array[], position: number): Promise<number> {
    if (synchronousFlag === 0) {
      const bytes = await this.write(buffers, position);
      await this.sync();
      return bytes;
    }
    if (this.#synchronous < 0) {
      this.#synchronous = await openDescriptor(this.#path, fs.constants.O_RDWR | synchronousFlag);
    }
    return writeBuffers(this.#synchronous, buffers, position);
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.#descriptor, (error) => (error ? reject(error) : resolve()));
    });
  }

  truncate(length: number): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.ftruncate(this.#descriptor, length, (error) => (error ? reject(error) : resolve()));
    });
  }

  size(): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.fstat(this.#descriptor, (error, stats) => (error ? reject(error) : resolve(stats.size)));
    });
  }

  standsAt(path: string): Promise<boolean> {
    return new Promise((resolve, reject) => {
      fs.fstat(this.#descriptor, (failure, own) => {
        if (failure) return reject(failure);
        fs.stat(path, (error, found) => {
          if (error === null) resolve(found.ino === own.ino && found.dev === own.dev);
          // Whatever else a stat fails with says nothing of the file.
          else if (error.code === "ENOENT" || error.code === "ENOTDIR") resolve(false);
          else reject(error);
        });
      });
    });
  }

  async close(): Promise<void> {
    if (this.#synchronous >= 0) await closeDescriptor(this.#synchronous);
    await closeDescriptor(this.#descriptor);
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await fs.promises.open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The files of the operating system. */
export const nodeFiles: LogFiles = {
  async makeDirectory(path) {
    const first = await fs.promises.mkdir(path, { recursive: true });
    if (first === undefined) return;
    // The new names, too, have to survive a power failure.
    const top = dirname(resolve(first));
    for (let parent = dirname(resolve(path)); parent.length >= top.length; parent = dirname(parent)) {
      await syncDirectory(parent);
      if (parent === dirname(parent)) break;
    }
  },
  list(path) {
    return fs.promises.readdir(path);
  },
  async open(path, mode) {
    const { O_CREAT, O_RDWR, O_TRUNC } = fs.constants;
    const flags = mode === "create" ? O_RDWR | O_CREAT | O_TRUNC : O_RDWR;
    return new NodeFile(path, await openDescriptor(path, flags));
  },
  async remove(path) {
    await fs.promises.rm(path, { force: true });
  },
  async readNote(path) {
    try {
      return await fs.promises.readFile(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw error;
    }
  },
  async writeNote(path, bytes, synced) {
    const { O_CREAT, O_WRONLY } = fs.constants;
    const handle = await fs.promises.open(path, O_CREAT | O_WRONLY, 0o640);
    try {
      await handle.write(bytes, 0, bytes.length, 0);
      if (synced) await handle.sync();
    } finally {
      await handle.close();
    }
    if (synced) await syncDirectory(dirname(path));
  },
  removeDirectory(path) {
    return fs.promises.rmdir(path);
  },
  syncDirectory,
  lock: lockDirectory,
};
