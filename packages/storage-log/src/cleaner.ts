import type { Logger } from "@jackalope/core/storage";
import type { CommitLoop } from "./commit-loop.ts";
import { definitionKey } from "./definition-record.ts";
import { deleteKind, messageKind, putKind, segmentHeaderBytes, settleKind } from "./layout.ts";
import type { Segment } from "./segment.ts";
import type { SegmentFiles } from "./segment-files.ts";
import { SegmentScanner } from "./segment-scanner.ts";
import { visitSettles } from "./settle-lists.ts";
import type { Tail } from "./tail.ts";

/** Garbage up to so many segments is let be, however little lives. */
const garbageSegmentsMin = 2;
/** What is copied in one turn of the event loop, and what copies may wait for the disk. */
const turnBytes = 256 << 10;
const pendingBytesMax = 4 << 20;

export interface CleanerOptions {
  readonly tail: Tail;
  readonly commits: CommitLoop;
  readonly files: SegmentFiles;
  readonly logger: Logger;
  readonly segmentBytes: number;
}

/**
 * Keeps garbage bounded, in the background and one segment at a time. A sealed segment goes
 *
 *     by itself       when nothing in it lives and no older segment is left that its settles and deletes speak about;
 *     after copying   when garbage is more than what lives (and more than two segments): the emptiest one's live
 *                     records, and the settles and deletes that older segments still need, are appended anew, keeping
 *                     their Lsns, and the file is deleted once the copies are synced.
 */
export class Cleaner {
  readonly #options: CleanerOptions;
  #running: Promise<void> | null = null;
  #stopped = false;

  constructor(options: CleanerOptions) {
    this.#options = options;
  }

  /** Looks whether there is something to do; called after each commit. */
  check(): void {
    if (this.#running !== null || this.#stopped || this.#options.commits.failing) return;
    if (this.#dead() === null && this.#victim() === null) return;
    this.#running = this.#run().finally(() => {
      this.#running = null;
    });
  }

  /** Begins nothing more; what is under way ends soon. Copies without their deletion do no harm. */
  stop(): void {
    this.#stopped = true;
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    const { files, logger } = this.#options;
    let segment: Segment | null = null;
    try {
      while (!this.#stopped) {
        segment = this.#dead();
        if (segment !== null) {
          await this.#remove(segment);
          continue;
        }
        segment = this.#victim();
        if (segment === null) return;
        await this.#clean(segment);
      }
    } catch (error) {
      // Only garbage stays; the next commit tries again.
      const file = segment === null ? files.directory : files.path(segment.id);
      logger.warn({ file, error: (error as Error).message }, "cannot clean a segment of the log");
    }
  }

  /** A segment that can be deleted as it is. */
  #dead(): Segment | null {
    const { commits, tail } = this.#options;
    for (const segment of tail.segments.list) {
      if (!segment.sealed || segment.liveRecords > 0 || segment.deadSequence > commits.syncedSequence) continue;
      if (!segment.pinned()) return segment;
    }
    return null;
  }

  /** The sealed segment with the smallest live share, null while there is little garbage. */
  #victim(): Segment | null {
    let total = 0;
    let live = 0;
    let best: Segment | null = null;
    let bestShare = 1;
    for (const segment of this.#options.tail.segments.list) {
      if (!segment.sealed || segment.syncedBytes < segment.fileBytes || segment.uncleanable) continue;
      const kept = segment.liveBytes + segment.carriedBytes;
      total += segment.fileBytes;
      live += kept;
      const share = kept / segment.fileBytes;
      if (share < bestShare) {
        best = segment;
        bestShare = share;
      }
    }
    const garbageMax = Math.max(garbageSegmentsMin * this.#options.segmentBytes, live);
    return total - live > garbageMax ? best : null;
  }

  async #remove(segment: Segment): Promise<void> {
    const { tail, files } = this.#options;
    if (segment.id > 0) await files.remove(segment);
    else segment.removed = true;
    tail.segments.remove(segment);
    tail.definitions.prune();
    for (const other of tail.segments.list) if (other.carriedBytes > 0 && !other.pinned()) other.carriedBytes = 0;
  }

  async #clean(segment: Segment): Promise<void> {
    const { tail, files, commits, logger } = this.#options;
    const file = await files.acquire(segment);
    try {
      const scanner = new SegmentScanner(file, segment.id, segment.fileBytes, segmentHeaderBytes);
      while (!this.#stopped && (await scanner.next())) await this.#copyBatch(segment, scanner);
      if (this.#stopped) return;
      if (scanner.damage !== null) {
        segment.uncleanable = true;
        const { at, reason } = scanner.damage;
        logger.error(
          { file: files.path(segment.id), offset: at, reason },
          "a segment of the log is damaged; it is kept",
        );
        return;
      }
    } finally {
      files.release(segment);
    }
    if (!(await commits.whenSynced(tail.sequence))) return;
    await this.#remove(segment);
  }

  async #copyBatch(segment: Segment, scanner: SegmentScanner): Promise<void> {
    const { tail, commits } = this.#options;
    const { view } = scanner;
    let turnEnd = scanner.start + turnBytes;
    for (let at = scanner.start; at < scanner.end && !this.#stopped; at += view.getUint32(at + 4, true)) {
      this.#copyRecord(segment, scanner, at);
      if (at < turnEnd) continue;
      turnEnd = at + turnBytes;
      commits.request();
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (tail.pendingBytes > pendingBytesMax && !this.#stopped) await commits.whenSynced(tail.sequence);
  }

  #copyRecord(segment: Segment, scanner: SegmentScanner, at: number): void {
    const { tail } = this.#options;
    const { buffer, view } = scanner;
    const address = segment.base + scanner.fileOffset(at);
    switch (buffer[at + 8]) {
      case messageKind: {
        const lsn = view.getFloat64(at + 12, true);
        if (!tail.index.locate(lsn) || tail.index.address !== address) return;
        tail.copyMessage(segment, buffer, view, at, tail.index.queuesOf(lsn));
        return;
      }
      case settleKind:
        this.#copySettles(segment, buffer, view, at);
        return;
      case putKind:
      case deleteKind: {
        const key = definitionKey(buffer, view, at);
        const place = tail.definitions.get(key);
        if (place === undefined || place.address !== address) return;
        if (place.removed && !place.holders.some((holder) => holder !== segment && !holder.removed)) return;
        tail.copyDefinition(segment, key, place, buffer, at, at + view.getUint32(at + 4, true));
        return;
      }
      default: // a filler
    }
  }

  /** Keeps the settles of messages whose records stand in older segments: without them they would come back. */
  #copySettles(segment: Segment, buffer: Buffer, view: DataView, at: number): void {
    const { tail } = this.#options;
    const { list } = tail.segments;
    const older = list.slice(0, list.indexOf(segment));
    if (older.length === 0) return;
    visitSettles(buffer, view, at, (queueId, lsn) => {
      let copied = false;
      for (const holder of older) {
        if (!holder.mayHold(lsn)) continue;
        if (!copied) tail.copySettle(holder, queueId, lsn);
        else tail.gathering?.segment.refer(holder);
        copied = true;
      }
    });
  }
}
