import { join } from "node:path";
import type { LogFile, LogFiles } from "./log-files.ts";
import { goneFileName, type GoneRange, segmentFileName } from "./layout.ts";
import type { Segment } from "./segment.ts";
import { encodeSegmentHeader, type SegmentHeader } from "./segment-header.ts";
import { writeFully } from "./write-fully.ts";

/** Sealed segments kept open for reading; a large log must not use up the descriptors that connections need. */
const openSegmentsMax = 64;

/** Opens, creates and removes the files of segments. */
export class SegmentFiles {
  readonly directory: string;
  readonly #files: LogFiles;
  /** Opened, the longest unused first. */
  #open = new Set<Segment>();
  /** What the marks in the directory say. */
  #gone: GoneRange[] = [];

  constructor(files: LogFiles, directory: string) {
    this.#files = files;
    this.directory = directory;
  }

  path(id: number): string {
    return join(this.directory, segmentFileName(id));
  }

  /** The open file of a segment; `release` has to follow. */
  async acquire(segment: Segment): Promise<LogFile> {
    segment.readers++;
    try {
      const file = segment.file ?? (await this.#openOnce(segment));
      this.#open.delete(segment);
      this.#open.add(segment);
      return file;
    } catch (error) {
      segment.readers--;
      throw error;
    }
  }

  release(segment: Segment): void {
    segment.readers--;
    if (segment.removed) this.#close(segment);
    else if (this.#open.size > openSegmentsMax) this.#closeOldest();
  }

  /** Creates the file of a new segment; it survives a power failure from here on. Can be repeated after an error. */
  async create(segment: Segment, header: SegmentHeader): Promise<void> {
    const file = await this.#files.open(this.path(header.id), "create");
    try {
      const bytes = encodeSegmentHeader(header);
      await writeFully(file, [bytes], 0);
      await file.sync();
      await this.#files.syncDirectory(this.directory);
    } catch (error) {
      await file.close().catch(() => {});
      throw error;
    }
    segment.id = header.id;
    segment.file = file;
    this.#open.add(segment);
  }

  /**
   * Deletes the file for good. Readers that have it open finish. Where it is not the `oldest`, a mark in the directory
   * says that it was not lost; `mark` comes first, so that at no time both are missing.
   */
  async remove(segment: Segment, oldest: boolean): Promise<void> {
    const { id } = segment;
    const merged = oldest ? [] : await this.mark({ first: id, last: id });
    await this.removeFile(segment);
    // What is forgotten behind this does no harm, so it need not be synced.
    await this.#removeMarks(oldest ? this.#gone.filter((range) => range.first <= id + 1) : merged);
  }

  /** Deletes the file of a segment that nobody misses: the newest one. */
  async removeFile(segment: Segment): Promise<void> {
    // A reader that is just opening it would find it gone.
    await segment.opening?.catch(() => {});
    await this.#files.remove(this.path(segment.id));
    await this.#files.syncDirectory(this.directory);
    segment.removed = true;
    if (segment.readers === 0) this.#close(segment);
  }

  /** Marks of an earlier process. */
  knowGone(ranges: readonly GoneRange[]): void {
    this.#gone = [...ranges];
  }

  /** The highest id in a mark, 0 where there is none. */
  get lastGoneId(): number {
    return this.#gone.reduce((highest, range) => Math.max(highest, range.last), 0);
  }

  isGone(id: number): boolean {
    return this.#gone.some((range) => range.first <= id && id <= range.last);
  }

  /** Durably marks ids as gone, in one mark with their neighbours; returns the marks that it makes superfluous. */
  async mark(range: GoneRange): Promise<readonly GoneRange[]> {
    let { first, last } = range;
    const merged = this.#gone.filter((other) => other.last >= first - 1 && other.first <= last + 1);
    for (const other of merged) {
      first = Math.min(first, other.first);
      last = Math.max(last, other.last);
    }
    if (merged.some((other) => other.first === first && other.last === last)) return [];
    const file = await this.#files.open(join(this.directory, goneFileName({ first, last })), "create");
    await file.close();
    await this.#files.syncDirectory(this.directory);
    this.#gone.push({ first, last });
    return merged;
  }

  async #removeMarks(ranges: readonly GoneRange[]): Promise<void> {
    for (const range of ranges) {
      await this.#files.remove(join(this.directory, goneFileName(range)));
      this.#gone.splice(this.#gone.indexOf(range), 1);
    }
  }

  async closeAll(): Promise<void> {
    for (const segment of this.#open) {
      const { file } = segment;
      segment.file = null;
      await file?.close();
    }
    this.#open.clear();
  }

  async #openOnce(segment: Segment): Promise<LogFile> {
    segment.opening ??= this.#files.open(this.path(segment.id), "open");
    try {
      segment.file = await segment.opening;
      return segment.file;
    } finally {
      segment.opening = null;
    }
  }

  #closeOldest(): void {
    for (const segment of this.#open) {
      if (!segment.sealed || segment.readers > 0) continue;
      this.#close(segment);
      return;
    }
  }

  #close(segment: Segment): void {
    if (segment.readers > 0) return;
    const { file } = segment;
    this.#open.delete(segment);
    segment.file = null;
    // Nothing depends on it: the segment is synced or gone.
    file?.close().catch(() => {});
  }
}
