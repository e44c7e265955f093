import type { Logger } from "@jackalope/core/storage";
import type { CommitLoop } from "./commit-loop.ts";
import { definitionKey } from "./definition-record.ts";
import { deleteKind, messageKind, putKind, segmentHeaderBytes, settleKind } from "./layout.ts";
import type { LogFile } from "./log-files.ts";
import { type Place, readWhole, spanEnd } from "./record-spans.ts";
import type { Segment } from "./segment.ts";
import type { SegmentFiles } from "./segment-files.ts";
import { isWholeRecord, SegmentScanner } from "./segment-scanner.ts";
import { visitSettles } from "./settle-lists.ts";
import type { Tail } from "./tail.ts";

/** What is copied in one turn of the event loop, and what copies may wait for the disk. */
const turnBytes = 256 << 10;
const pendingBytesMax = 4 << 20;

export interface CopierOptions {
  readonly tail: Tail;
  readonly commits: CommitLoop;
  readonly files: SegmentFiles;
  readonly logger: Logger;
}

/** Appends records of sealed segments anew, keeping their Lsns. Each call tells whether everything was copied. */
export class Copier {
  readonly #options: CopierOptions;
  #stopped = false;
  #turnBytes = 0;

  constructor(options: CopierOptions) {
    this.#options = options;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** What lives in the segment: the indexes know where, so nothing else is read. */
  copyLive(segment: Segment): Promise<boolean> {
    const { index } = this.#options.tail;
    const places: Place[] = this.#definitions(segment);
    for (const lsn of segment.liveMessages(index)) {
      if (index.locate(lsn)) places.push({ address: index.address, length: index.length });
    }
    return this.#copyPlaces(segment, places);
  }

  /** The definitions in the segment. */
  copyDefinitions(segment: Segment): Promise<boolean> {
    return this.#copyPlaces(segment, this.#definitions(segment));
  }

  /** What lives in the segment, and the settles and removals that speak about older segments: all of it is read. */
  async copyNeeded(segment: Segment): Promise<boolean> {
    const { files } = this.#options;
    const file = await files.acquire(segment);
    try {
      const scanner = new SegmentScanner(file, segment.id, segment.fileBytes, segmentHeaderBytes);
      while (!this.#stopped && (await scanner.next())) {
        const { buffer, view } = scanner;
        for (let at = scanner.start; at < scanner.end; at += view.getUint32(at + 4, true)) {
          if (this.#stopped) return false;
          this.#copyRecord(segment, buffer, view, at, segment.base + scanner.fileOffset(at));
          const pause = this.#pause(view.getUint32(at + 4, true));
          if (pause !== null) await pause;
        }
      }
      if (scanner.damage !== null) this.#noteDamage(segment, scanner.damage.at, scanner.damage.reason);
      return scanner.damage === null && !this.#stopped;
    } finally {
      files.release(segment);
    }
  }

  #definitions(segment: Segment): Place[] {
    const places: Place[] = [];
    for (const [, { address, length }] of this.#options.tail.definitions.entries()) {
      if (address >= segment.first && address < segment.end) places.push({ address, length });
    }
    return places;
  }

  async #copyPlaces(segment: Segment, places: Place[]): Promise<boolean> {
    if (places.length === 0) return true;
    const { files } = this.#options;
    places.sort((left, right) => left.address - right.address);
    const file = await files.acquire(segment);
    try {
      for (let first = 0; first < places.length; ) {
        const end = spanEnd(places, first);
        if (this.#stopped || !(await this.#copySpan(segment, file, places.slice(first, end)))) return false;
        first = end;
      }
      return true;
    } finally {
      files.release(segment);
    }
  }

  async #copySpan(segment: Segment, file: LogFile, places: readonly Place[]): Promise<boolean> {
    const { address: start } = places[0] as Place;
    const bytes = places.reduce((reached, place) => Math.max(reached, place.address + place.length - start), 0);
    const buffer = await readWhole(file, start - segment.base, bytes);
    if (buffer === null) return this.#noteDamage(segment, start - segment.base, "the file ends too early");
    const view = new DataView(buffer.buffer, buffer.byteOffset, bytes);
    for (const { address, length } of places) {
      const at = address - start;
      if (!isWholeRecord(buffer, view, at, at + length)) {
        return this.#noteDamage(segment, address - segment.base, "the checksum of a record is wrong");
      }
      this.#copyRecord(segment, buffer, view, at, address);
      const pause = this.#pause(length);
      if (pause !== null) await pause;
      if (this.#stopped) return false;
    }
    return true;
  }

  /** Where it is time for it, lets others have their turn and the disk its time. */
  #pause(bytes: number): Promise<void> | null {
    this.#turnBytes += bytes;
    if (this.#turnBytes < turnBytes) return null;
    this.#turnBytes = 0;
    return this.#waitForDisk();
  }

  async #waitForDisk(): Promise<void> {
    const { tail, commits } = this.#options;
    commits.request();
    await new Promise((resolve) => setImmediate(resolve));
    if (tail.pendingBytes > pendingBytesMax && !this.#stopped) await commits.whenSynced(tail.sequence);
  }

  #noteDamage(segment: Segment, offset: number, reason: string): false {
    const { files, logger } = this.#options;
    segment.uncleanable = true;
    logger.error({ file: files.path(segment.id), offset, reason }, "a segment of the log is damaged; it is kept");
    return false;
  }

  #copyRecord(segment: Segment, buffer: Buffer, view: DataView, at: number, address: number): void {
    const { tail } = this.#options;
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
