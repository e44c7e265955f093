import type { Message } from "@jackalope/core/storage";
import { type Place, readWhole, spanEnd } from "../record-spans.ts";
import { RouteDecoder } from "../route-cache.ts";
import { decodeSpilled, isSpilledRecord } from "./spill-record.ts";
import type { SpillSegment } from "./spill-segment.ts";
import type { SpillTail } from "./spill-tail.ts";

/** A record to read: `address` is its offset in the file. */
export interface WantedRecord extends Place {
  /** Its index in the segment, or where its message goes: whatever the caller needs to know. */
  readonly index: number;
}

/** Reads records back: from memory while they are not written, and from the files in few large reads. */
export class SpillReader {
  readonly #tail: SpillTail;
  readonly #routes = new RouteDecoder();

  constructor(tail: SpillTail) {
    this.#tail = tail;
  }

  /** The messages of the records that `locate` finds for 0, 1, … up to `count`. */
  async read(
    count: number,
    locate: (at: number) => { readonly segment: SpillSegment; readonly index: number },
  ): Promise<Message[]> {
    const messages = new Array<Message>(count);
    const bySegment = new Map<SpillSegment, WantedRecord[]>();
    for (let at = 0; at < count; at++) {
      const { segment, index } = locate(at);
      const offset = segment.offset(index);
      const length = segment.length(index);
      if (offset >= segment.writtenEnd) {
        const { buffer, view, start } = this.#tail.pendingBatch(segment, offset);
        messages[at] = decodeSpilled(buffer, view, offset - start, length, this.#routes);
        continue;
      }
      const wanted = { address: offset, length, index: at };
      const others = bySegment.get(segment);
      if (others === undefined) bySegment.set(segment, [wanted]);
      else others.push(wanted);
    }
    const reads: Promise<void>[] = [];
    for (const [segment, wanted] of bySegment) {
      const take = ({ index, length }: WantedRecord, buffer: Buffer, view: DataView, start: number): void => {
        messages[index] = decodeSpilled(buffer, view, start, length, this.#routes);
      };
      reads.push(this.readRecords(segment, wanted, take));
    }
    // All of them have to end before the answer: a failure of one must not leave others that nobody waits for.
    for (const outcome of await Promise.allSettled(reads)) if (outcome.status === "rejected") throw outcome.reason;
    return messages;
  }

  /** Reads written records of one segment and gives each to `take`; the segment stays for as long. */
  async readRecords(
    segment: SpillSegment,
    wanted: WantedRecord[],
    take: (wanted: WantedRecord, buffer: Buffer, view: DataView, start: number) => void,
  ): Promise<void> {
    wanted.sort((left, right) => left.address - right.address);
    segment.pins++;
    try {
      for (let first = 0; first < wanted.length; ) {
        const end = spanEnd(wanted, first);
        await this.#readSpan(segment, wanted.slice(first, end), take);
        first = end;
      }
    } finally {
      segment.pins--;
      this.#tail.look(segment);
    }
  }

  async #readSpan(
    segment: SpillSegment,
    wanted: readonly WantedRecord[],
    take: (wanted: WantedRecord, buffer: Buffer, view: DataView, start: number) => void,
  ): Promise<void> {
    const start = (wanted[0] as WantedRecord).address;
    const last = wanted.at(-1) as WantedRecord;
    const bytes = last.address + last.length - start;
    const buffer = segment.file === null ? null : await readWhole(segment.file, start, bytes);
    if (buffer === null) throw new Error(`${segment.path} ends too early`);
    const view = new DataView(buffer.buffer, buffer.byteOffset, bytes);
    for (const each of wanted) {
      const at = each.address - start;
      if (!isSpilledRecord(buffer, view, at, each.length)) {
        throw new Error(`${segment.path} at offset ${each.address}: the checksum is wrong`);
      }
      take(each, buffer, view, at);
    }
  }
}
