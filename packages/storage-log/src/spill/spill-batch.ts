import type { RecordTarget } from "../message-record.ts";
import type { SpillSegment } from "./spill-segment.ts";

/** A batch takes records until it has so many bytes; then the next one begins. */
export const spillBatchBytes: number = 256 << 10;

const wordBytes = 4;

/** Records on their way into a segment, in one buffer. Their place in the file is known from the start. */
export class SpillBatch implements RecordTarget {
  buffer: Buffer = Buffer.allocUnsafeSlow(spillBatchBytes + spillBatchBytes / 8);
  view: DataView = viewOf(this.buffer);
  /** Behind the last record in `buffer`. */
  position = 0;
  segment: SpillSegment;
  /** Offset in the file. */
  start: number;
  /** Records that somebody holds. */
  liveCount = 0;
  /** A write of it is under way. */
  writing = false;

  constructor(segment: SpillSegment) {
    this.segment = segment;
    this.start = segment.end;
  }

  /** Begins anew with the old buffer. */
  reuse(segment: SpillSegment): void {
    this.segment = segment;
    this.start = segment.end;
    this.position = 0;
    this.liveCount = 0;
    this.writing = false;
  }

  /** Offset in the file behind the last record. */
  get end(): number {
    return this.start + this.position;
  }

  get bytes(): Uint8Array {
    return this.buffer.subarray(0, this.position);
  }

  reserve(bytes: number): number {
    const offset = this.position;
    if (offset + bytes + wordBytes > this.buffer.length) this.#grow(offset + bytes + wordBytes);
    this.position = offset + bytes;
    return offset;
  }

  #grow(bytes: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(bytes, Math.min(this.buffer.length * 2, spillBatchBytes * 2)));
    this.buffer.copy(larger, 0, 0, this.position);
    this.buffer = larger;
    this.view = viewOf(larger);
  }
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
}
