import type { Logger, Lsn, RecoveryVisitor } from "@jackalope/core/storage";
import { CorruptLogError } from "./corrupt-log-error.ts";
import type { DurableExtent } from "./durable-mark.ts";
import type { DefinitionIndex } from "./definition-index.ts";
import { batchHeaderBytes, closingFlag, goneFileRange, segmentFileId, segmentHeaderBytes } from "./layout.ts";
import type { LogFile, LogFiles } from "./log-files.ts";
import type { MessageIndex } from "./message-index.ts";
import { repairBatch, repairSegmentHeader } from "./repair.ts";
import { Replay } from "./replay.ts";
import { Segment } from "./segment.ts";
import type { SegmentFiles } from "./segment-files.ts";
import { decodeSegmentHeader, type SegmentHeader } from "./segment-header.ts";
import { SegmentScanner } from "./segment-scanner.ts";
import type { SegmentTable } from "./segment-table.ts";
import { unwrittenLsnsMax } from "./tail.ts";
import { writeFully } from "./write-fully.ts";

const secureBytes = 1 << 20;

export interface RecoveryOptions {
  readonly files: LogFiles;
  readonly segmentFiles: SegmentFiles;
  readonly logger: Logger;
  readonly repair: boolean;
  readonly index: MessageIndex;
  readonly definitions: DefinitionIndex;
  readonly segments: SegmentTable;
  /** What was durable before, null where nothing says so. */
  readonly extent: DurableExtent | null;
}

export interface Recovered {
  readonly lastLsn: Lsn;
  readonly lastSegmentId: number;
}

/** Reads the whole log, cuts a torn tail off, and tells `visitor` what is left. */
export class Recovery {
  readonly #options: RecoveryOptions;
  readonly #replay: Replay;
  #lastLsn: Lsn = 0;
  #closed = true;
  #previous: Segment | null = null;
  /** Offset in the segment being read up to which its last batch calls it durable. */
  #durableBytes = 0;

  constructor(options: RecoveryOptions) {
    this.#options = options;
    this.#replay = new Replay(options.index, options.definitions, options.segments);
  }

  /** Throws `CorruptLogError` on damage that is not a torn tail, unless it may repair. */
  async run(visitor: RecoveryVisitor): Promise<Recovered> {
    const { files, segmentFiles } = this.#options;
    const names = await files.list(segmentFiles.directory);
    const ids = names.map(segmentFileId).filter((id) => id > 0);
    ids.sort((a, b) => a - b);
    segmentFiles.knowGone(names.map(goneFileRange).filter((range) => range !== null));
    await this.#checkIds(ids);
    for (const id of ids) await this.#segment(id, id === ids.at(-1));
    const active = this.#options.segments.active;
    if (active !== null) active.sealed = false;
    // Messages that were settled in their own batch left no trace, so a crash may have hidden that many Lsns.
    if (!this.#closed) this.#lastLsn += 2 * unwrittenLsnsMax;
    this.#replay.visit(visitor);
    return { lastLsn: this.#lastLsn, lastSegmentId: Math.max(active?.id ?? 0, segmentFiles.lastGoneId) };
  }

  /**
   * Every segment between the oldest and the newest has to be there, by the files or by what was durable before, unless a
   * mark says that it was deleted.
   */
  async #checkIds(ids: readonly number[]): Promise<void> {
    const { segmentFiles, logger, repair, extent } = this.#options;
    const present = new Set(ids);
    const known = [...ids, extent?.oldestId ?? 0, extent?.newestId ?? 0].filter((id) => id > 0);
    const last = known.reduce((highest, id) => Math.max(highest, id), 0);
    for (let id = known.reduce((lowest, other) => Math.min(lowest, other), last); id < last + 1; id++) {
      if (id === 0 || present.has(id) || segmentFiles.isGone(id)) continue;
      const path = segmentFiles.path(id);
      if (!repair) throw new CorruptLogError(path, 0, "the file is missing");
      logger.error({ file: path }, "repaired the log: a segment is missing; going on without what was in it");
      await segmentFiles.mark({ first: id, last: id });
    }
  }

  async #segment(id: number, last: boolean): Promise<void> {
    const { segmentFiles, segments } = this.#options;
    const segment = new Segment((this.#previous?.end ?? segmentHeaderBytes) - segmentHeaderBytes);
    segment.id = id;
    segment.sealed = true;
    const file = await segmentFiles.acquire(segment);
    let removed = false;
    try {
      const header = await this.#header(file, id, last);
      removed = header === null;
      if (header === null) return;
      this.#checkPrevious(header);
      this.#lastLsn = Math.max(this.#lastLsn, header.lastLsn);
      this.#closed = false;
      this.#durableBytes = 0;
      segments.add(segment);
      const end = await this.#batches(segment, file, last);
      segment.end = segment.base + end;
      if (last) await this.#secure(file, end);
      segment.syncedBytes = end;
      this.#previous = segment;
    } finally {
      segmentFiles.release(segment);
      if (removed) await segmentFiles.removeFile(segment);
    }
  }

  /** Null where the file was created and the crash came before its header was on disk: nothing can be in it. */
  async #header(file: LogFile, id: number, last: boolean): Promise<SegmentHeader | null> {
    const { segmentFiles, logger, repair } = this.#options;
    const bytes = Buffer.alloc(segmentHeaderBytes);
    const read = await file.read(bytes, segmentHeaderBytes, 0);
    const header = decodeSegmentHeader(bytes.subarray(0, read), id);
    if (typeof header !== "string") return header;
    const path = segmentFiles.path(id);
    if (last && (await file.size()) <= segmentHeaderBytes && this.#durableEnd(id) === 0) {
      logger.warn({ file: path, offset: 0, bytes: read }, "removed a segment that a crash left without a header");
      return null;
    }
    if (!repair) throw new CorruptLogError(path, 0, header);
    logger.error({ file: path, offset: 0, reason: header }, "repaired a segment header");
    return repairSegmentHeader(file, id);
  }

  #checkPrevious(header: SegmentHeader): void {
    const { segmentFiles, logger, repair } = this.#options;
    const previous = this.#previous;
    if (previous === null || previous.id !== header.previousId || previous.fileBytes === header.previousEnd) return;
    const reason = `the segment behind it says that this one ends at ${header.previousEnd}`;
    const path = segmentFiles.path(previous.id);
    if (!repair) throw new CorruptLogError(path, previous.fileBytes, reason);
    logger.error({ file: path, offset: previous.fileBytes, reason }, "a segment lacks its end; going on without it");
  }

  /** The bytes of a segment that were durable before, as far as that is known. */
  #durableEnd(id: number): number {
    const { extent } = this.#options;
    return extent !== null && extent.newestId === id ? extent.newestBytes : 0;
  }

  /** Throws CorruptLogError where a segment of whole batches ends before what was durable of it. */
  #checkEnd(segment: Segment, end: number): void {
    const durableEnd = this.#durableEnd(segment.id);
    if (end >= durableEnd) return;
    const { segmentFiles, logger, repair } = this.#options;
    const path = segmentFiles.path(segment.id);
    const reason = `the file ends here, and was durable up to ${durableEnd}`;
    if (!repair) throw new CorruptLogError(path, end, reason);
    logger.error({ file: path, offset: end, reason }, "a segment lacks its end; going on without it");
  }

  /** Replays the batches of a segment; returns the offset where they end. */
  async #batches(segment: Segment, file: LogFile, last: boolean): Promise<number> {
    let fileBytes = await file.size();
    let offset = segmentHeaderBytes;
    for (;;) {
      const scanner = new SegmentScanner(file, segment.id, fileBytes, offset);
      while (await scanner.next()) this.#batch(segment, scanner);
      const { damage } = scanner;
      if (damage === null) {
        this.#checkEnd(segment, scanner.offset);
        return scanner.offset;
      }
      const path = this.#options.segmentFiles.path(segment.id);
      const isTail = last && damage.offset >= this.#durableEnd(segment.id);
      if (isTail && !(await scanner.wasDurable(damage))) {
        await file.truncate(damage.offset);
        const fields = { file: path, offset: damage.offset, bytes: fileBytes - damage.offset, reason: damage.reason };
        this.#options.logger.warn(fields, "cut a torn tail off the log: a crash interrupted the last commit");
        return damage.offset;
      }
      if (!this.#options.repair) throw new CorruptLogError(path, damage.at, damage.reason);
      await repairBatch(file, segment.id, fileBytes, damage, this.#lastLsn, path, this.#options.logger);
      offset = damage.offset;
      fileBytes = await file.size();
    }
  }

  /**
   * What was read may be in the page cache only, and where a sync failed before the crash, the cache may call it clean.
   * From here on it counts as durable, so what no batch vouches for is written once more and synced.
   */
  async #secure(file: LogFile, end: number): Promise<void> {
    const buffer = Buffer.allocUnsafe(Math.min(secureBytes, end - this.#durableBytes));
    for (let at = this.#durableBytes; at < end; ) {
      const read = await file.read(buffer, Math.min(buffer.length, end - at), at);
      if (read === 0) break;
      at += await writeFully(file, [buffer.subarray(0, read)], at);
    }
    await file.sync();
  }

  #batch(segment: Segment, scanner: SegmentScanner): void {
    const { header, start, end } = scanner;
    if (header === null) return;
    const address = segment.base + header.offset + batchHeaderBytes;
    this.#replay.batch(segment, scanner.buffer, scanner.view, start, end, address);
    if (header.lastLsn > this.#lastLsn) this.#lastLsn = header.lastLsn;
    this.#closed = (header.flags & closingFlag) !== 0;
    this.#durableBytes = this.#closed ? header.offset + header.bytes : header.durableBytes;
  }
}
