import type { Logger } from "@jackalope/core/storage";
import { copySpilled } from "./spill-record.ts";
import type { SpillReader, WantedRecord } from "./spill-reader.ts";
import { type SpillSegment, segmentRecordsMax } from "./spill-segment.ts";
import type { SpillTail } from "./spill-tail.ts";

/** Beyond so many segments' worth of dead bytes, and so many dead bytes for a living one, living records are moved. */
const deadSegmentsMax = 4;
const deadShareMax = 3;

/**
 * Moves the few living records out of files that are mostly dead: a message that nobody fetches must not keep the file of
 * thousands that were.
 */
export class SpillCleaner {
  readonly #tail: SpillTail;
  readonly #reader: SpillReader;
  readonly #segmentBytes: number;
  readonly #logger: Logger;
  readonly #onMoved: () => void;
  #running: Promise<void> | null = null;
  #closed = false;

  /** `onMoved` is called when there is something new to write. */
  constructor(tail: SpillTail, reader: SpillReader, segmentBytes: number, logger: Logger, onMoved: () => void) {
    this.#tail = tail;
    this.#reader = reader;
    this.#segmentBytes = segmentBytes;
    this.#logger = logger;
    this.#onMoved = onMoved;
  }

  /** Begins to clean where it is worth it, unless it does so. */
  check(): void {
    if (this.#running !== null || this.#closed) return;
    const segment = this.#candidate();
    if (segment === null) return;
    this.#running = this.#move(segment).then(
      () => {
        this.#running = null;
        if (!this.#closed) this.#onMoved();
      },
      (error: unknown) => {
        this.#running = null;
        this.#logger.warn({ error: String(error) }, "a file of the spill folder cannot be cleaned");
      },
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  /** The file with the least in it, null where too little is dead. */
  #candidate(): SpillSegment | null {
    let liveBytes = 0;
    let fileBytes = 0;
    let best: SpillSegment | null = null;
    for (const segment of this.#tail.segments.values()) {
      if (segment.file === null || !segment.sealed || segment.pendingBatches > 0) continue;
      liveBytes += segment.liveBytes;
      fileBytes += segment.writtenEnd;
      if (segment.moved !== null || segment.liveCount === 0) continue;
      if (best === null || segment.liveBytes < best.liveBytes) best = segment;
    }
    const deadBytes = fileBytes - liveBytes;
    const worthIt = deadBytes > deadSegmentsMax * this.#segmentBytes && deadBytes > deadShareMax * liveBytes;
    return worthIt ? best : null;
  }

  async #move(segment: SpillSegment): Promise<void> {
    const wanted: WantedRecord[] = segment
      .living()
      .map((index) => ({ address: segment.offset(index), length: segment.length(index), index }));
    const copies = new Map<number, Buffer>();
    await this.#reader.readRecords(segment, wanted, ({ index, length }, buffer, _view, start) => {
      copies.set(index, buffer.subarray(start, start + length));
    });
    // Here and not in the reading, so that a failure in its middle leaves everything where it is.
    const moved = new Map<number, number>();
    for (const [index, bytes] of copies) {
      const holders = segment.holders(index);
      if (holders === 0) continue;
      const batch = this.#tail.open();
      copySpilled(batch, bytes, 0, bytes.length);
      const copy = this.#tail.added(batch, bytes.length, holders);
      moved.set(index, batch.segment.id * segmentRecordsMax + copy);
    }
    segment.markMoved(moved);
    if (moved.size === 0) this.#tail.segments.delete(segment.id);
    this.#tail.look(segment);
  }
}
