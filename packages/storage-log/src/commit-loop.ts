import type { Clock, Logger, Lsn, StorageListener, Timer } from "@jackalope/core/storage";
import type { Batch } from "./batch.ts";
import { closingFlag, segmentHeaderBytes } from "./layout.ts";
import type { Segment } from "./segment.ts";
import type { SegmentFiles } from "./segment-files.ts";
import type { Tail } from "./tail.ts";
import { writeFully } from "./write-fully.ts";

/** When written bytes are made to survive a power failure; see docs for what each promises. */
export type SyncMode = "always" | "interval" | "never";

export interface CommitOptions {
  readonly tail: Tail;
  readonly files: SegmentFiles;
  readonly listener: StorageListener;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly sync: SyncMode;
  readonly syncIntervalMs: number;
  /** The id of the newest segment, 0 where there is none. */
  readonly lastSegmentId: number;
  /** Called after each commit: segments may have become free. */
  readonly committed: () => void;
  /** Called when the disk is full: resolves with true where it made some room. */
  readonly relieve: () => Promise<boolean>;
}

const retryMsMin = 50;
const retryMsMax = 5000;

/** After these a write can work once something else was deleted. */
const spaceCodes = new Set(["ENOSPC", "EDQUOT"]);
/** After these a write can simply be tried again; after all others the file's unsynced bytes are not trusted. */
const fullCodes = new Set(["ENOSPC", "EDQUOT", "EMFILE", "ENFILE"]);

/**
 * Group commit without a timer: one write and fdatasync are under way while the next batch gathers, so a commit takes
 * what arrived during the one before.
 *
 *     idle --request--> committing --done, nothing wanted--> idle
 *                          |  ^
 *                     error|  |the retry works
 *                          v  |
 *                        failing (waits, twice as long each time)
 */
export class CommitLoop {
  /** Everything up to here is as durable as `sync` promises. */
  durable: Lsn;
  /** The newest batch whose bytes are synced, in every mode. */
  syncedSequence = 0;
  commits = 0;
  writtenBytes = 0;
  failing = false;
  readonly #options: CommitOptions;
  #writtenSequence = 0;
  #nextSegmentId: number;
  #active = false;
  #running: Promise<void> = Promise.resolve();
  #wanted = false;
  #syncWanted = false;
  #syncTimer: Timer | null = null;
  #lastSyncMs: number;
  /** The segment that is written to, and the offset behind its last written byte. */
  #current: Segment | null = null;
  #currentEnd = 0;
  /** A segment whose unsynced bytes the disk failed. */
  #suspect: Segment | null = null;
  /** Set while the file that is written to is not where it belongs: nothing that it takes would be found again. */
  #missing: Error | null = null;
  #closing = false;
  #dead: Error | null = null;
  #endBackOff: (() => void) | null = null;
  #waiters: { sequence: number; resolve: (synced: boolean) => void }[] = [];

  constructor(options: CommitOptions) {
    this.#options = options;
    this.durable = options.tail.lastLsn;
    this.#nextSegmentId = options.lastSegmentId + 1;
    this.#lastSyncMs = options.clock.nowMs();
  }

  /** Commits what is gathered, now or behind the commit that is under way. */
  request(): void {
    this.#wanted = true;
    this.#start();
  }

  /** Resolves with true once batch `sequence` is synced, whatever the mode, with false where the log closes before. */
  whenSynced(sequence: number): Promise<boolean> {
    if (this.syncedSequence >= sequence) return Promise.resolve(true);
    if (this.#closing || this.#dead !== null) return Promise.resolve(false);
    this.#syncWanted = true;
    return new Promise((resolve) => {
      this.#waiters.push({ sequence, resolve });
      this.request();
    });
  }

  /** The file that is written to is gone (an error that says so), or it stands where it belongs (null). */
  setMissing(error: Error | null): void {
    if ((error === null) === (this.#missing === null)) return;
    this.#missing = error;
    if (error !== null) this.#noteFailure(error);
    else {
      // Ends the failure, even where nothing has to be written.
      this.#syncWanted = true;
      this.#endBackOff?.();
      this.#start();
    }
  }

  /** From here on nobody waits for a sync, and a failing disk gets one more try. */
  beginClose(): void {
    this.#closing = true;
    this.#syncTimer?.cancel();
    this.#endBackOff?.();
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(false);
  }

  /** Commits everything, writes the closing mark and stops. Rejects where the disk fails it once more. */
  async close(): Promise<void> {
    this.beginClose();
    await this.#running;
    if (this.#dead === null) {
      this.#options.tail.seal(closingFlag);
      this.#syncWanted = true;
      this.request();
      await this.#running;
    }
    if (this.#dead !== null) throw this.#dead;
  }

  #start(): void {
    if (this.#active || this.#dead !== null) return;
    this.#active = true;
    this.#running = this.#run().catch((error: unknown) => this.#broke(error));
  }

  async #run(): Promise<void> {
    const { tail } = this.#options;
    while ((this.#wanted || this.#syncWanted) && this.#dead === null) {
      this.#wanted = false;
      tail.seal();
      const batches = tail.next();
      if (batches.length > 0 || this.#syncWanted) await this.#commit(batches);
      // A large commit may have left some.
      if (tail.sealed.length > 0) this.#wanted = true;
    }
    this.#active = false;
  }

  /** Not the disk, we: what is sealed and what is written may not belong together any more. */
  #broke(error: unknown): void {
    this.#dead = error instanceof Error ? error : new Error(String(error));
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(false);
    this.#options.listener.broken(error);
  }

  async #commit(batches: readonly Batch[]): Promise<void> {
    for (let waitMs = retryMsMin; ; waitMs = Math.min(2 * waitMs, retryMsMax)) {
      try {
        await this.#attempt(batches);
        break;
      } catch (error) {
        if (spaceCodes.has((error as NodeJS.ErrnoException).code ?? "") && (await this.#options.relieve())) continue;
        this.#noteFailure(error as Error);
        if (this.#closing) {
          this.#dead = error as Error;
          return;
        }
        await this.#backOff(waitMs);
      }
    }
    this.#finish(batches);
  }

  /** The batches are committed: tells everybody. */
  #finish(batches: readonly Batch[]): void {
    const { tail, listener, logger } = this.#options;
    const last = batches.at(-1);
    if (last !== undefined) {
      this.durable = last.lastLsn;
      tail.release(batches.length);
    }
    if (this.failing) {
      this.failing = false;
      logger.info({ directory: this.#options.files.directory }, "the log is written again");
      listener.recovered();
    }
    if (last !== undefined) listener.durable();
    this.#options.committed();
    if (this.#waiters.length > 0) this.#wakeWaiters();
  }

  async #attempt(batches: readonly Batch[]): Promise<void> {
    if (this.#missing !== null) throw this.#missing;
    if (this.#suspect !== null) await this.#abandon(this.#suspect);
    const written = batches.filter((batch) => !batch.empty);
    // Even with nothing to write, `flush` must not call the listener before it returns.
    if (written.length > 0) await this.#write(written);
    else await Promise.resolve();
    if (this.#syncDue()) await this.#sync();
    const last = batches.at(-1);
    if (last !== undefined) this.#writtenSequence = last.sequence;
    if (!this.#dirty) this.syncedSequence = this.#writtenSequence;
    else if (this.#options.sync === "interval") this.#planSync();
  }

  /** Written bytes wait for a sync. */
  get #dirty(): boolean {
    return this.#current !== null && this.#current.syncedBytes < this.#currentEnd;
  }

  async #write(batches: readonly Batch[]): Promise<void> {
    const { files, sync } = this.#options;
    const first = batches[0] as Batch;
    const last = batches.at(-1) as Batch;
    const { segment } = first;
    if (segment !== this.#current) await this.#enter(segment);
    for (const batch of batches) batch.stamp(sync === "always" ? first.offset : segment.syncedBytes);
    const file = await files.acquire(segment);
    try {
      const buffers = batches.map((batch) => batch.buffer.subarray(0, batch.position));
      const synced = sync === "always";
      this.writtenBytes += await writeFully(file, buffers, first.offset, synced);
      this.#currentEnd = last.offset + last.position;
      if (synced) segment.syncedBytes = this.#currentEnd;
      this.commits++;
    } catch (error) {
      if (!fullCodes.has((error as NodeJS.ErrnoException).code ?? "")) this.#suspect = segment;
      throw error;
    } finally {
      files.release(segment);
    }
  }

  /** Begins to write to another segment. The one before is synced first, so that only the last can have a torn tail. */
  async #enter(segment: Segment): Promise<void> {
    if (this.#dirty) await this.#sync();
    if (segment.id === 0) {
      const { segments, lastLsn } = this.#options.tail;
      const previous = segments.list[segments.list.indexOf(segment) - 1];
      await this.#options.files.create(segment, {
        id: this.#nextSegmentId,
        previousId: previous?.id ?? 0,
        previousEnd: previous?.fileBytes ?? 0,
        lastLsn: Math.min(lastLsn, this.durable),
      });
      this.#nextSegmentId++;
      segment.syncedBytes = segmentHeaderBytes;
    }
    this.#current = segment;
    this.#currentEnd = segment.syncedBytes;
  }

  #syncDue(): boolean {
    if (!this.#dirty) {
      this.#syncWanted = false;
      return false;
    }
    const { sync, syncIntervalMs, clock } = this.#options;
    if (sync === "always" || this.#syncWanted) return true;
    return sync === "interval" && clock.nowMs() - this.#lastSyncMs >= syncIntervalMs;
  }

  async #sync(): Promise<void> {
    const { files, clock, sync, logger } = this.#options;
    const segment = this.#current as Segment;
    const end = this.#currentEnd;
    const file = await files.acquire(segment);
    try {
      await file.sync();
    } catch (error) {
      this.#suspect = segment;
      if (sync !== "always") {
        const fields = { file: files.path(segment.id), from: segment.syncedBytes, to: end };
        logger.error(fields, "the disk failed to sync: these bytes may not survive a power failure");
      }
      throw error;
    } finally {
      files.release(segment);
    }
    segment.syncedBytes = end;
    this.syncedSequence = this.#writtenSequence;
    this.#syncWanted = false;
    this.#lastSyncMs = clock.nowMs();
  }

  #planSync(): void {
    if (this.#syncTimer !== null) return;
    this.#syncTimer = this.#options.clock.after(this.#options.syncIntervalMs, () => {
      this.#syncTimer = null;
      this.#syncWanted = true;
      this.#start();
    });
  }

  /**
   * After a failed write or sync the page cache may call bytes clean that never reached the disk. So everything that is
   * not durable leaves the file and is written anew into another one.
   */
  async #abandon(segment: Segment): Promise<void> {
    const { tail, files, logger } = this.#options;
    const end = tail.durableEnd(segment) - segment.base;
    const file = await files.acquire(segment);
    try {
      await file.truncate(end);
      await file.sync();
    } finally {
      files.release(segment);
    }
    segment.syncedBytes = end;
    tail.rehome(segment);
    logger.warn(
      { file: files.path(segment.id), bytes: end },
      "left a segment that the disk failed, cut to what is durable",
    );
    if (this.#current === segment) this.#current = null;
    this.#suspect = null;
  }

  #noteFailure(error: Error): void {
    if (this.failing) return;
    this.failing = true;
    const { files, logger, listener } = this.#options;
    logger.error({ directory: files.directory, error: error.message }, "the log cannot be written; retrying");
    listener.failed(error);
  }

  #wakeWaiters(): void {
    const waiting = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiting) {
      if (waiter.sequence <= this.syncedSequence) waiter.resolve(true);
      else this.#waiters.push(waiter);
    }
    if (this.#waiters.length > 0) this.#syncWanted = true;
  }

  #backOff(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.after(waitMs, () => resolve());
      this.#endBackOff = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}
