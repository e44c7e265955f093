import type { Lsn, Message } from "@jackalope/core/storage";
import { decodeMessage } from "./message-record.ts";
import { type Place, readWhole, spanEnd } from "./record-spans.ts";
import { RouteDecoder } from "./route-cache.ts";
import type { Segment } from "./segment.ts";
import type { SegmentFiles } from "./segment-files.ts";
import { isWholeRecord } from "./segment-scanner.ts";
import type { Tail } from "./tail.ts";

/** A record to read, and where its message goes in the answer. */
interface Wanted extends Place {
  readonly lsn: Lsn;
  readonly position: number;
}

/** Brings bodies back: from the batches that are not durable yet, and from the files in few large reads. */
export class LogReader {
  readonly #tail: Tail;
  readonly #files: SegmentFiles;
  readonly #routes = new RouteDecoder();

  constructor(tail: Tail, files: SegmentFiles) {
    this.#tail = tail;
    this.#files = files;
  }

  async read(lsns: readonly Lsn[]): Promise<Message[]> {
    const messages = new Array<Message>(lsns.length);
    const wanted = this.#takePending(lsns, messages);
    wanted.sort((a, b) => a.address - b.address);
    const reads: Promise<void>[] = [];
    // All segments are acquired before the first wait: a message may be settled, and its segment go, meanwhile.
    for (let first = 0; first < wanted.length; ) {
      const end = this.#spanEnd(wanted, first);
      reads.push(this.#readSpan(wanted.slice(first, end), messages));
      first = end;
    }
    await Promise.all(reads);
    return messages;
  }

  /** Decodes the messages that are still in memory; returns the others. */
  #takePending(lsns: readonly Lsn[], messages: Message[]): Wanted[] {
    const { index } = this.#tail;
    const wanted: Wanted[] = [];
    for (let position = 0; position < lsns.length; position++) {
      const lsn = lsns[position] as Lsn;
      if (!index.locate(lsn)) throw new Error(`message ${lsn} is not stored`);
      const { address, length } = index;
      const batch = this.#tail.pendingBatch(address);
      if (batch === null) wanted.push({ lsn, address, length, position });
      else messages[position] = decodeMessage(batch.buffer, batch.view, address - batch.start, this.#routes);
    }
    return wanted;
  }

  /** As `spanEnd`, within one segment. */
  #spanEnd(wanted: readonly Wanted[], first: number): number {
    const { segments } = this.#tail;
    const segment = segments.find((wanted[first] as Wanted).address);
    let end = spanEnd(wanted, first);
    while (segments.find((wanted[end - 1] as Wanted).address) !== segment) end--;
    return end;
  }

  async #readSpan(wanted: readonly Wanted[], messages: Message[]): Promise<void> {
    const start = (wanted[0] as Wanted).address;
    const last = wanted.at(-1) as Wanted;
    const bytes = last.address + last.length - start;
    const segment = this.#tail.segments.find(start);
    const file = await this.#files.acquire(segment);
    try {
      const buffer = await readWhole(file, start - segment.base, bytes);
      if (buffer === null) throw this.#damaged(segment, start, "the file ends too early");
      const view = new DataView(buffer.buffer, buffer.byteOffset, bytes);
      for (const { lsn, address, length, position } of wanted) {
        const at = address - start;
        if (!isWholeRecord(buffer, view, at, at + length) || view.getFloat64(at + 12, true) !== lsn) {
          throw this.#damaged(segment, address, `message ${lsn} cannot be read`);
        }
        messages[position] = decodeMessage(buffer, view, at, this.#routes);
      }
    } finally {
      this.#files.release(segment);
    }
  }

  #damaged(segment: Segment, address: number, reason: string): Error {
    return new Error(`${this.#files.path(segment.id)} at offset ${address - segment.base}: ${reason}`);
  }
}
