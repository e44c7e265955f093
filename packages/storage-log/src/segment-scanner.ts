import { type BatchHeader, decodeBatchHeader } from "./batch-header.ts";
import { crc32 } from "./crc32.ts";
import { batchHeaderBytes, batchMagicBytes, closingFlag, recordBytesMin } from "./layout.ts";
import type { LogFile } from "./log-files.ts";

const windowBytes = 4 << 20;

/** Where a segment stops making sense, and why. */
export interface Damage {
  /** Start of the batch. */
  readonly offset: number;
  /** Offset of the broken record or header in it. */
  readonly at: number;
  readonly reason: string;
}

/** The bytes of a record are whole: length and checksum agree. `end` bounds it. */
export function isWholeRecord(buffer: Uint8Array, view: DataView, at: number, end: number): boolean {
  if (at + recordBytesMin > end) return false;
  const length = view.getUint32(at + 4, true);
  if (length < recordBytesMin || at + length > end) return false;
  return view.getUint32(at, true) === crc32(buffer, view, at + 4, at + length);
}

/** Reads the batches of a segment file in order, each checked as a whole. */
export class SegmentScanner {
  /** The current batch: its records are `buffer` from `start` to `end`. */
  buffer: Buffer = Buffer.alloc(0);
  view: DataView = new DataView(new ArrayBuffer(0));
  start = 0;
  end = 0;
  header: BatchHeader | null = null;
  damage: Damage | null = null;
  /** Offset in the file of the next batch; at the end, of the end. */
  offset: number;
  readonly #file: LogFile;
  readonly #segmentId: number;
  readonly #fileBytes: number;
  /** Offsets in the file of what is in `buffer`. */
  #windowStart = 0;
  #windowEnd = 0;

  constructor(file: LogFile, segmentId: number, fileBytes: number, offset: number) {
    this.#file = file;
    this.#segmentId = segmentId;
    this.#fileBytes = fileBytes;
    this.offset = offset;
  }

  /** Goes on to the next batch; false at the end of the file, or at damage. */
  async next(): Promise<boolean> {
    const { offset } = this;
    if (offset === this.#fileBytes) return false;
    if (offset + batchHeaderBytes > this.#fileBytes) return this.#stop(offset, "a batch header is cut off");
    if (!this.#has(batchHeaderBytes)) await this.#fill(batchHeaderBytes);
    const at = offset - this.#windowStart;
    const header = decodeBatchHeader(this.buffer, this.view, at, this.#segmentId, offset);
    if (header === null) return this.#stop(offset, "there is no valid batch header");
    if (offset + header.bytes > this.#fileBytes) return this.#stop(offset, "a batch is cut off");
    if (!this.#has(header.bytes)) await this.#fill(header.bytes);
    this.header = header;
    this.start = offset - this.#windowStart + batchHeaderBytes;
    this.end = this.start - batchHeaderBytes + header.bytes;
    for (let record = this.start; record < this.end; record += this.view.getUint32(record + 4, true)) {
      if (!isWholeRecord(this.buffer, this.view, record, this.end)) {
        return this.#stop(this.#windowStart + record, "the checksum of a record is wrong");
      }
    }
    this.offset = offset + header.bytes;
    return true;
  }

  /** Offset in the file of the record at `at` in `buffer`. */
  fileOffset(at: number): number {
    return this.#windowStart + at;
  }

  /**
   * True where damage in the newest segment cannot be a torn write: a later batch says that the place was durable
   * before it was written, or that the log was closed behind it. Until a commit's fdatasync returns, the kernel may
   * have put any of its blocks on the disk, so damage that nobody vouches for is what a crash leaves.
   */
  async wasDurable(damage: Damage): Promise<boolean> {
    for await (const header of this.headersBehind(damage.offset)) {
      if (header.durableBytes > damage.offset || (header.flags & closingFlag) !== 0) return true;
    }
    return false;
  }

  /** Every valid batch header behind `offset`, whatever stands between. Only for damaged segments. */
  async *headersBehind(offset: number): AsyncGenerator<BatchHeader> {
    this.offset = offset + 1;
    for (;;) {
      const want = Math.min(windowBytes, this.#fileBytes - this.offset);
      if (want < batchHeaderBytes) return;
      await this.#fill(want);
      let at = this.buffer.indexOf(batchMagicBytes, 0);
      while (at >= 0 && at + batchHeaderBytes <= want) {
        const header = decodeBatchHeader(this.buffer, this.view, at, this.#segmentId, this.#windowStart + at);
        if (header !== null) yield header;
        at = this.buffer.indexOf(batchMagicBytes, at + 1);
      }
      if (this.offset + want >= this.#fileBytes) return;
      this.offset += want - batchHeaderBytes + 1;
    }
  }

  #stop(at: number, reason: string): false {
    this.damage = { offset: this.offset, at, reason };
    return false;
  }

  #has(bytes: number): boolean {
    return this.offset >= this.#windowStart && this.offset + bytes <= this.#windowEnd;
  }

  /** Brings at least `bytes` from `offset` into the buffer; the caller knows that the file has them. */
  async #fill(bytes: number): Promise<void> {
    const want = Math.min(Math.max(bytes, windowBytes), this.#fileBytes - this.offset);
    if (this.buffer.length < want) {
      this.buffer = Buffer.allocUnsafeSlow(want);
      this.view = new DataView(this.buffer.buffer, 0, want);
    }
    let done = 0;
    while (done < want) {
      const read = await this.#file.read(this.buffer.subarray(done), want - done, this.offset + done);
      if (read === 0) throw new Error(`segment ${this.#segmentId} became shorter while it was read`);
      done += read;
    }
    this.#windowStart = this.offset;
    this.#windowEnd = this.offset + want;
  }
}
