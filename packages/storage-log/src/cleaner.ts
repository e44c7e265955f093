import type { Logger } from "@jackalope/core/storage";
import type { CommitLoop } from "./commit-loop.ts";
import { Copier } from "./copier.ts";
import type { Segment } from "./segment.ts";
import type { SegmentFiles } from "./segment-files.ts";
import type { Tail } from "./tail.ts";

/** Garbage up to so many segments is let be, unless it costs next to nothing to be rid of it. */
const garbageSegmentsMin = 2;
/** Copying up to this share of a segment counts as next to nothing. */
const cheapShare = 1 / 16;

export interface CleanerOptions {
  readonly tail: Tail;
  readonly commits: CommitLoop;
  readonly files: SegmentFiles;
  readonly logger: Logger;
  readonly segmentBytes: number;
  /** Called before a segment's file is deleted; it is not deleted where this rejects. */
  readonly leaving: (segment: Segment) => Promise<void>;
}

/**
 * Keeps garbage bounded, in the background and one segment at a time. A sealed segment goes
 *
 *     by itself       when nothing in it lives and no older segment is left that its settles and deletes speak about;
 *     after copying   when next to nothing in it lives, or when garbage is more than what lives (and more than two
 *                     segments): the live records of the one that costs the least, and the settles and deletes that
 *                     older segments still need, are appended anew, keeping their Lsns, and the file is deleted once the
 *                     copies are synced;
 *     in need         while the disk is full, when all in it is settled and only the settles are not durable.
 *
 * Definitions wander along: when a segment is sealed, those in it and before it are copied on, as long as they are few.
 * So a full disk finds them in the newest segments, and those with messages can go.
 */
export class Cleaner {
  readonly #options: CleanerOptions;
  readonly #copier: Copier;
  #running: Promise<void> | null = null;
  #stopped = false;
  /** The newest segment whose definitions were looked at. */
  #lookedAt: Segment | null = null;

  constructor(options: CleanerOptions) {
    this.#options = options;
    this.#copier = new Copier(options);
  }

  /** Looks whether there is something to do; called after each commit. */
  check(): void {
    if (this.#running !== null || this.#stopped || this.#options.commits.failing) return;
    if (this.#dead() === null && this.#newlySealed() === null && this.#victim() === null) return;
    this.#running = this.#run().finally(() => {
      this.#running = null;
    });
  }

  /** Begins nothing more; what is under way ends soon. Copies without their deletion do no harm. */
  stop(): void {
    this.#stopped = true;
    this.#copier.stop();
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /**
   * The disk is full: deletes the oldest segment in which everything is settled, and so makes the settles durable that
   * cannot be written. Resolves with false where there is none.
   */
  async relieve(): Promise<boolean> {
    const { tail, files, logger } = this.#options;
    for (const segment of [...tail.segments.list]) {
      if (segment.removal !== null || !this.#expendable(segment)) continue;
      const file = files.path(segment.id);
      try {
        await this.#remove(segment);
      } catch (error) {
        logger.warn({ file, error: (error as Error).message }, "cannot delete a segment of the log");
        continue;
      }
      logger.warn({ file }, "the disk is full: deleted a segment in which everything is settled");
      return true;
    }
    return false;
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
        segment = this.#newlySealed();
        if (segment !== null) {
          this.#lookedAt = segment;
          await this.#moveDefinitions(segment);
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
    const { list } = tail.segments;
    for (const [index, segment] of list.entries()) {
      if (!segment.sealed || segment.liveRecords > 0 || segment.deadSequence > commits.syncedSequence) continue;
      if (!segment.pinned() && this.#succeeded(index)) return segment;
    }
    return null;
  }

  /** The newest file stays: only it knows how far the Lsns had come. */
  #succeeded(index: number): boolean {
    const { list } = this.#options.tail.segments;
    if (list[index]?.id === 0) return true;
    for (let next = index + 1; next < list.length; next++) if ((list[next] as Segment).id > 0) return true;
    return false;
  }

  /**
   * Everything in the file is settled or has a durable successor, and deleting it brings nothing back. What is settled
   * within a group has to wait for the group, whose other writes are not durable. Where the file holds copies of messages
   * whose first record still exists, those may come back after a crash, as they would have without the deletion.
   */
  #expendable(segment: Segment): boolean {
    const { commits, tail } = this.#options;
    if (!segment.sealed || segment.id === 0 || segment.liveRecords > 0) return false;
    if (segment.syncedBytes < segment.fileBytes || segment.neededSequence > commits.syncedSequence) return false;
    return !segment.pinned() && this.#succeeded(tail.segments.list.indexOf(segment));
  }

  /** The newest sealed segment, where its definitions were not looked at yet. */
  #newlySealed(): Segment | null {
    const { list } = this.#options.tail.segments;
    for (let index = list.length - 1; index >= 0; index--) {
      const segment = list[index] as Segment;
      if (segment.sealed && segment.id > 0 && segment.syncedBytes === segment.fileBytes) {
        return segment === this.#lookedAt ? null : segment;
      }
    }
    return null;
  }

  /** Copies the definitions up to the end of `newest` on, unless they are too many to do so for every segment. */
  async #moveDefinitions(newest: Segment): Promise<void> {
    const { tail, commits, segmentBytes } = this.#options;
    const holders = new Set<Segment>();
    let bytes = 0;
    for (const [, { address, length }] of tail.definitions.entries()) {
      if (address >= newest.end) continue;
      bytes += length;
      if (bytes > segmentBytes * cheapShare) return;
      holders.add(tail.segments.find(address));
    }
    for (const segment of holders) {
      if (!segment.uncleanable && !(await this.#copier.copyDefinitions(segment))) return;
    }
    if (holders.size > 0) commits.request();
  }

  /** The sealed segment that costs the least to be rid of for what it gives, null while there is little garbage. */
  #victim(): Segment | null {
    let total = 0;
    let live = 0;
    let best: Segment | null = null;
    let bestCost = Number.POSITIVE_INFINITY;
    for (const segment of this.#options.tail.segments.list) {
      if (!segment.sealed || segment.syncedBytes < segment.fileBytes || segment.uncleanable) continue;
      const { fileBytes } = segment;
      const free = !segment.pinned();
      // It goes by itself as soon as its settles are durable.
      if (free && segment.liveRecords === 0) continue;
      const kept = segment.liveBytes + (free ? 0 : segment.carriedBytes);
      total += fileBytes;
      live += kept;
      // What only has to be written elsewhere is found without reading the rest.
      if (free && kept <= fileBytes * cheapShare) return segment;
      const cost = ((free ? kept : fileBytes) + kept) / (fileBytes - kept);
      if (kept < fileBytes && cost < bestCost) {
        best = segment;
        bestCost = cost;
      }
    }
    const garbageMax = Math.max(garbageSegmentsMin * this.#options.segmentBytes, live);
    return total - live > garbageMax ? best : null;
  }

  /** Deletes the segment, once. */
  #remove(segment: Segment): Promise<void> {
    segment.removal ??= this.#removeFile(segment).catch((error: unknown) => {
      segment.removal = null;
      throw error;
    });
    return segment.removal;
  }

  async #removeFile(segment: Segment): Promise<void> {
    const { tail, files } = this.#options;
    const oldest = tail.segments.list.find((other) => other.id > 0) === segment;
    if (segment.id > 0) {
      await this.#options.leaving(segment);
      await files.remove(segment, oldest);
    } else segment.removed = true;
    tail.segments.remove(segment);
    tail.definitions.prune();
    for (const other of tail.segments.list) if (other.carriedBytes > 0 && !other.pinned()) other.carriedBytes = 0;
  }

  async #clean(segment: Segment): Promise<void> {
    const { tail, commits } = this.#options;
    const copied = segment.pinned() ? this.#copier.copyNeeded(segment) : this.#copier.copyLive(segment);
    if (!(await copied)) return;
    if (!(await commits.whenSynced(tail.sequence))) return;
    if (this.#succeeded(tail.segments.list.indexOf(segment))) await this.#remove(segment);
  }
}
