import { join } from "node:path";
import {
  type Clock,
  type Logger,
  type Lsn,
  type Message,
  type RecoveryVisitor,
  silentLogger,
  type StorageEngine,
  type StorageListener,
  type StorageStatistics,
  timeoutClock,
} from "@jackalope/core/storage";
import { Cleaner } from "./cleaner.ts";
import { CommitLoop, type SyncMode } from "./commit-loop.ts";
import { type DurableExtent, DurableMark } from "./durable-mark.ts";
import { durableExtent } from "./durable-extent.ts";
import { DefinitionIndex } from "./definition-index.ts";
import { segmentBytesMax } from "./layout.ts";
import type { LogFiles } from "./log-files.ts";
import { LogReader } from "./log-reader.ts";
import { MessageIndex } from "./message-index.ts";
import { nodeFiles } from "./node-files.ts";
import { PresenceWatch } from "./presence-watch.ts";
import { Recovery } from "./recovery.ts";
import { SegmentFiles } from "./segment-files.ts";
import { SegmentTable } from "./segment-table.ts";
import { Tail } from "./tail.ts";

export interface LogStorageOptions {
  /** The data directory; created where missing. One broker at a time. */
  readonly directory: string;
  /** A segment file ends once it has so many bytes. Default 64 MiB, at most 1 GiB. */
  readonly segmentBytes?: number;
  /** Default "always". */
  readonly sync?: SyncMode;
  /** For `sync: "interval"`. Default 1000. */
  readonly syncIntervalMs?: number;
  /** Goes on after damage that is not a torn tail, dropping and logging what cannot be read. Default false. */
  readonly repair?: boolean;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly files?: LogFiles;
}

const segmentBytesDefault = 64 << 20;
const syncIntervalMsDefault = 1000;

/**
 * The embedded log. Nothing is opened before `recover`, which rejects with `DirectoryInUseError` where another broker
 * has the directory and with `CorruptLogError` where the log is damaged.
 */
export function openLogStorage(options: LogStorageOptions): StorageEngine {
  return new LogStorage(options);
}

class LogStorage implements StorageEngine {
  readonly name = "embedded";
  readonly persistent = true;
  readonly remote = false;
  readonly #options: LogStorageOptions;
  readonly #segmentBytes: number;
  readonly #logger: Logger;
  readonly #files: LogFiles;
  readonly #segmentFiles: SegmentFiles;
  #segments = new SegmentTable();
  #tail: Tail;
  #commits: CommitLoop | null = null;
  #cleaner: Cleaner | null = null;
  #reader: LogReader | null = null;
  #mark: DurableMark | null = null;
  #presence: PresenceWatch | null = null;
  #unlock: (() => Promise<void>) | null = null;

  constructor(options: LogStorageOptions) {
    this.#options = options;
    this.#segmentBytes = options.segmentBytes ?? segmentBytesDefault;
    if (!(this.#segmentBytes > 0 && this.#segmentBytes <= segmentBytesMax)) {
      throw new RangeError(`segmentBytes is ${this.#segmentBytes}, allowed are 1 to ${segmentBytesMax}`);
    }
    this.#logger = options.logger ?? silentLogger;
    this.#files = options.files ?? nodeFiles;
    this.#segmentFiles = new SegmentFiles(this.#files, join(options.directory, "segments"));
    this.#tail = new Tail(new MessageIndex(), new DefinitionIndex(), this.#segments, this.#segmentBytes, 0);
  }

  get durable(): Lsn {
    return this.#commits === null ? 0 : this.#commits.durable;
  }

  get pendingBytes(): number {
    return this.#tail.pendingBytes;
  }

  async recover(listener: StorageListener, visitor: RecoveryVisitor): Promise<void> {
    const { directory } = this.#options;
    await this.#files.makeDirectory(this.#segmentFiles.directory);
    this.#unlock = await this.#files.lock(directory);
    try {
      // Names that a crashed process left may not be on the disk yet.
      await this.#files.syncDirectory(directory);
      await this.#files.syncDirectory(this.#segmentFiles.directory);
      await this.#recover(listener, visitor);
    } catch (error) {
      await this.#release();
      throw error;
    }
  }

  async #recover(listener: StorageListener, visitor: RecoveryVisitor): Promise<void> {
    const clock = this.#options.clock ?? timeoutClock;
    const extent = (): DurableExtent => durableExtent(this.#segments.list);
    const mark = new DurableMark(this.#files, this.#options.directory, clock, this.#logger, extent);
    const index = new MessageIndex();
    const definitions = new DefinitionIndex();
    const recovery = new Recovery({
      files: this.#files,
      segmentFiles: this.#segmentFiles,
      logger: this.#logger,
      repair: this.#options.repair ?? false,
      index,
      definitions,
      segments: this.#segments,
      extent: await mark.read(),
    });
    const { lastLsn, lastSegmentId } = await recovery.run(visitor);
    const tail = new Tail(index, definitions, this.#segments, this.#segmentBytes, lastLsn);
    this.#tail = tail;
    this.#reader = new LogReader(tail, this.#segmentFiles);
    this.#commits = new CommitLoop({
      tail,
      files: this.#segmentFiles,
      listener,
      logger: this.#logger,
      clock,
      sync: this.#options.sync ?? "always",
      syncIntervalMs: this.#options.syncIntervalMs ?? syncIntervalMsDefault,
      lastSegmentId,
      committed: () => {
        this.#cleaner?.check();
        mark.note();
      },
      relieve: () => this.#cleaner?.relieve() ?? Promise.resolve(false),
    });
    this.#cleaner = new Cleaner({
      tail,
      commits: this.#commits,
      files: this.#segmentFiles,
      logger: this.#logger,
      segmentBytes: this.#segmentBytes,
      leaving: async (segment) => {
        const { list } = this.#segments;
        const stored = list.filter(({ id }) => id > 0);
        // Of others the log tells by itself that they are gone.
        if (segment !== stored[0] && segment !== stored.at(-1)) return;
        await mark.settle(durableExtent(list.filter((other) => other !== segment)));
      },
    });
    this.#mark = mark;
    this.#presence = new PresenceWatch(this.#segments, this.#segmentFiles, this.#commits, clock);
    mark.note();
    this.#cleaner.check();
  }

  append(queueIds: readonly number[], message: Message): Lsn {
    return this.#tail.append(queueIds, message);
  }

  settle(queueId: number, message: Lsn): Lsn {
    return this.#tail.settle(queueId, message);
  }

  put(key: string, value: Uint8Array | null): Lsn {
    return this.#tail.put(key, value);
  }

  atomic(writes: () => void): Lsn {
    return this.#tail.group(writes);
  }

  async read(messages: readonly Lsn[]): Promise<readonly Message[]> {
    if (this.#reader === null) throw new Error("the log is not recovered");
    return this.#reader.read(messages);
  }

  flush(): void {
    if (this.#tail.gathering !== null || this.#tail.sealed.length > 0) this.#commits?.request();
  }

  statistics(): StorageStatistics {
    let storedBytes = 0;
    for (const segment of this.#segments.list) storedBytes += segment.fileBytes;
    return {
      storedBytes,
      writtenBytes: this.#commits?.writtenBytes ?? 0,
      commits: this.#commits?.commits ?? 0,
      segments: this.#segments.list.length,
    };
  }

  async close(): Promise<void> {
    try {
      this.#presence?.close();
      this.#cleaner?.stop();
      this.#commits?.beginClose();
      await this.#cleaner?.idle();
      await this.#commits?.close();
    } finally {
      await this.#mark?.close();
      await this.#release();
    }
  }

  async #release(): Promise<void> {
    await this.#segmentFiles.closeAll();
    await this.#unlock?.();
    this.#unlock = null;
  }
}
