import { join } from "node:path";
import type { LogFile, LogFiles } from "./log-files.ts";
import { segmentFileName } from "./layout.ts";
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

  /** Deletes the file for good. Readers that have it open finish. */
  async remove(segment: Segment): Promise<void> {
    // A reader that is just opening it would find it gone.
    await segment.opening?.catch(() => {});
    await this.#files.remove(this.path(segment.id));
    await this.#files.syncDirectory(this.directory);
    segment.removed = true;
    if (segment.readers === 0) this.#close(segment);
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
