import {
  type Clock,
  type Logger,
  type Message,
  type SpillArea,
  type SpillListener,
  type SpillPosition,
  type SpillStatistics,
  silentLogger,
  timeoutClock,
} from "@jackalope/core/storage";
import type { LogFiles } from "../log-files.ts";
import { nodeFiles } from "../node-files.ts";
import { RouteEncoder } from "../route-cache.ts";
import { SpillCleaner } from "./spill-cleaner.ts";
import { SpillFolder } from "./spill-folder.ts";
import { SpillReader } from "./spill-reader.ts";
import { encodeSpilled } from "./spill-record.ts";
import { type SpillSegment, segmentRecordsMax } from "./spill-segment.ts";
import { SpillTail } from "./spill-tail.ts";
import { SpillWriter } from "./spill-writer.ts";

export interface SpillAreaOptions {
  /** Made with the first message that is spilled. Several processes may have the same. */
  readonly directory: string;
  /** A file ends once it has so many bytes; with more than 64 of them in use they become larger. Default 16 MiB. */
  readonly segmentBytes?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly files?: LogFiles;
}

const segmentBytesDefault = 16 << 20;
const deathsBetweenChecks = 1024;

/** A spill area in files of a folder. */
export function openSpillArea(options: SpillAreaOptions): SpillArea {
  return new LogSpillArea(options);
}

/** A position is a segment's id and the record's index in it. */
class LogSpillArea implements SpillArea {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #folder: SpillFolder;
  readonly #tail: SpillTail;
  readonly #reader: SpillReader;
  readonly #cleaner: SpillCleaner;
  readonly #routes = new RouteEncoder();
  readonly #removals = new Set<Promise<void>>();
  #writer: SpillWriter | null = null;
  #messageCount = 0;
  #deathCount = 0;

  constructor(options: SpillAreaOptions) {
    const segmentBytes = options.segmentBytes ?? segmentBytesDefault;
    this.#logger = options.logger ?? silentLogger;
    this.#clock = options.clock ?? timeoutClock;
    this.#folder = new SpillFolder(options.files ?? nodeFiles, options.directory);
    this.#tail = new SpillTail(segmentBytes, (segment) => this.#remove(segment));
    this.#reader = new SpillReader(this.#tail);
    this.#cleaner = new SpillCleaner(this.#tail, this.#reader, segmentBytes, this.#logger, () => this.flush());
  }

  get pendingBytes(): number {
    return this.#tail.pendingBytes;
  }

  async open(listener: SpillListener): Promise<void> {
    this.#writer = new SpillWriter(this.#tail, this.#folder, this.#clock, listener);
    try {
      await this.#folder.clear();
    } catch (error) {
      // They take room and nothing else.
      this.#logger.warn({ error: String(error) }, "cannot remove what an earlier process left in the spill folder");
    }
  }

  append(message: Message): SpillPosition {
    // The queues of a fan-out come one by one, and those of several fan-outs by turns.
    if (message.spilledAt !== 0 && this.#holdAgain(message.spilledAt)) return message.spilledAt;
    const batch = this.#tail.open();
    const bytes = encodeSpilled(batch, message, this.#routes);
    const { id } = batch.segment;
    message.spilledAt = id * segmentRecordsMax + this.#tail.added(batch, bytes, 1);
    this.#messageCount++;
    // A turn may bring megabytes: the disk begins while the rest of them is still being read.
    if (this.#tail.gathering === null) this.#writer?.request();
    return message.spilledAt;
  }

  async read(positions: readonly SpillPosition[]): Promise<readonly Message[]> {
    return this.#reader.read(positions.length, (at) => this.#locate(positions[at] as SpillPosition));
  }

  release(position: SpillPosition): void {
    if (!this.#release(position)) return;
    this.#messageCount--;
    if (++this.#deathCount % deathsBetweenChecks === 0) this.#clean();
  }

  flush(): void {
    this.#writer?.request();
    this.#clean();
  }

  statistics(): SpillStatistics {
    return {
      fileBytes: this.#tail.fileBytes,
      messages: this.#messageCount,
      writtenBytes: this.#writer?.writtenBytes ?? 0,
    };
  }

  async close(): Promise<void> {
    await this.#cleaner.close();
    await this.#writer?.close();
    for (const segment of this.#tail.segments.values()) this.#remove(segment);
    await Promise.all(this.#removals);
    try {
      await this.#folder.close();
    } catch (error) {
      this.#logger.warn({ error: String(error) }, "cannot remove the spill folder");
    }
  }

  #clean(): void {
    if (this.#writer?.failing === false) this.#cleaner.check();
  }

  #holdAgain(position: SpillPosition): boolean {
    const segment = this.#tail.segments.get(Math.floor(position / segmentRecordsMax));
    const index = position % segmentRecordsMax;
    if (segment === undefined || segment.moved !== null || segment.holders(index) === 0) return false;
    segment.hold(index);
    return true;
  }

  /** Where the record is by now. */
  #locate(position: SpillPosition): { readonly segment: SpillSegment; readonly index: number } {
    for (let at = position; ; ) {
      const segment = this.#segment(at);
      const index = at % segmentRecordsMax;
      if (segment.moved === null) return { segment, index };
      const next = segment.moved.get(index);
      if (next === undefined) throw new Error(`nobody holds message ${position} of the spill area`);
      at = next;
    }
  }

  /** True where it was the last holder. */
  #release(position: SpillPosition): boolean {
    const segment = this.#segment(position);
    const index = position % segmentRecordsMax;
    if (segment.moved === null) {
      const offset = segment.offset(index);
      if (!segment.release(index)) return false;
      this.#tail.died(segment, offset);
      return true;
    }
    const next = segment.moved.get(index);
    if (next === undefined) throw new Error(`nobody holds message ${position} of the spill area`);
    if (!this.#release(next)) return false;
    segment.moved.delete(index);
    if (segment.moved.size === 0) this.#tail.segments.delete(segment.id);
    return true;
  }

  #segment(position: SpillPosition): SpillSegment {
    const segment = this.#tail.segments.get(Math.floor(position / segmentRecordsMax));
    if (segment === undefined) throw new Error(`nobody holds message ${position} of the spill area`);
    return segment;
  }

  #remove(segment: SpillSegment): void {
    const removal = this.#folder.remove(segment).then(
      () => undefined,
      (error: unknown) => {
        this.#logger.warn({ file: segment.path, error: String(error) }, "cannot remove a file of the spill folder");
      },
    );
    this.#removals.add(removal);
    void removal.then(() => this.#removals.delete(removal));
  }
}
