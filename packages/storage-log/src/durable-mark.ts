import { join } from "node:path";
import type { Clock, Logger, Timer } from "@jackalope/core/storage";
import { crc32 } from "./crc32.ts";
import type { LogFiles } from "./log-files.ts";

/** What has to be there at the next start, as far as it is known. */
export interface DurableExtent {
  /** The oldest segment that is needed, 0 where there is none. Older ones may be there or not. */
  readonly oldestId: number;
  /** The newest segment, 0 where there is none, and the bytes of it that are durable. */
  readonly newestId: number;
  readonly newestBytes: number;
}

const fileName = "durable.mark";
const magic = "JACKMARK";
const version = 1;
const markBytes = 32;
/** A busy log writes a mark so often; it costs a small write beside the commits. */
const intervalMs = 20;

/**
 * A small file beside the segments that says how far the log was durable: nothing else can tell a log that lost its end, its
 * newest or its oldest segment from one that never had them. It is written behind the sync of what it speaks about, and not
 * synced itself: a power failure may leave an older mark, which claims less and is as true. Only before a segment goes that
 * the mark asks for it is written and synced first.
 *
 *     0 "JACKMARK"  8 u32 crc  12 u32 version  16 u32 oldest id  20 u32 newest id  24 u32 durable bytes of the newest  28 zero
 */
export class DurableMark {
  readonly #files: LogFiles;
  readonly #path: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #extent: () => DurableExtent;
  #noted = false;
  #writtenAtMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | null = null;
  /** Writes one behind the other. */
  #writing: Promise<void> = Promise.resolve();
  #failed = false;

  /** `extent` tells what is durable; it is asked when a mark is written. */
  constructor(files: LogFiles, directory: string, clock: Clock, logger: Logger, extent: () => DurableExtent) {
    this.#extent = extent;
    this.#files = files;
    this.#path = join(directory, fileName);
    this.#clock = clock;
    this.#logger = logger;
  }

  /** What the last mark says; null where there is none that can be read. */
  async read(): Promise<DurableExtent | null> {
    const bytes = await this.#files.readNote(this.#path);
    if (bytes === null) return null;
    const extent = decode(bytes);
    if (extent === null)
      this.#logger.warn({ file: this.#path }, "the mark of what is durable cannot be read: not asked");
    return extent;
  }

  /** More is durable: writes soon how far. */
  note(): void {
    this.#noted = true;
    if (this.#timer !== null) return;
    const waitMs = this.#writtenAtMs + intervalMs - this.#clock.monotonicMs();
    if (waitMs <= 0) this.#writeNoted();
    else {
      this.#timer = this.#clock.after(waitMs, () => {
        this.#timer = null;
        this.#writeNoted();
      });
    }
  }

  /** Resolves when a power failure leaves this mark or a later one. */
  settle(extent: DurableExtent): Promise<void> {
    return this.#write(() => extent, true);
  }

  /** Writes what is noted. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = null;
    this.#writeNoted();
    await this.#writing;
  }

  #writeNoted(): void {
    if (!this.#noted) return;
    this.#noted = false;
    this.#writtenAtMs = this.#clock.monotonicMs();
    this.#write(this.#extent, false).then(
      () => {
        this.#failed = false;
      },
      (error: unknown) => {
        // The log itself tells what is wrong with the disk, if it is that.
        if (!this.#failed) this.#logger.warn({ file: this.#path, error: String(error) }, "cannot mark what is durable");
        this.#failed = true;
      },
    );
  }

  #write(extent: () => DurableExtent, synced: boolean): Promise<void> {
    const written = this.#writing.then(() => this.#files.writeNote(this.#path, encode(extent()), synced));
    this.#writing = written.catch(() => {});
    return written;
  }
}

function encode(extent: DurableExtent): Buffer {
  const bytes = Buffer.alloc(markBytes);
  bytes.write(magic, 0, "latin1");
  bytes.writeUInt32LE(version, 12);
  bytes.writeUInt32LE(extent.oldestId, 16);
  bytes.writeUInt32LE(extent.newestId, 20);
  bytes.writeUInt32LE(extent.newestBytes, 24);
  bytes.writeUInt32LE(checksum(bytes), 8);
  return bytes;
}

function decode(bytes: Buffer): DurableExtent | null {
  if (bytes.length < markBytes || bytes.toString("latin1", 0, 8) !== magic) return null;
  if (bytes.readUInt32LE(8) !== checksum(bytes) || bytes.readUInt32LE(12) !== version) return null;
  return {
    oldestId: bytes.readUInt32LE(16),
    newestId: bytes.readUInt32LE(20),
    newestBytes: bytes.readUInt32LE(24),
  };
}

function checksum(bytes: Buffer): number {
  return crc32(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 12, markBytes);
}
