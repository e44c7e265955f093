import type { Lsn } from "@jackalope/core/storage";
import { segmentHeaderBytes } from "./layout.ts";
import type { LogFile } from "./log-files.ts";
import type { MessageIndex } from "./message-index.ts";

/**
 * One file of the log. Records have an address that counts through all segments: `base` plus the offset in the file, so
 * that an address is known before the file exists, and stays when bytes move to another file because a disk failed them.
 */
export class Segment {
  /** Assigned when the file is created, in the order of the log; 0 before. */
  id = 0;
  /** Address of the file's first byte. */
  readonly base: number;
  /** Address behind the last byte handed to this segment. */
  end: number;
  /** Offset in the file up to which everything is synced. */
  syncedBytes = 0;
  sealed = false;
  /** Sealed and deleted; references to it no longer count. */
  removed = false;
  /** Its deletion is under way or done. */
  removal: Promise<void> | null = null;
  /** Damaged on the medium: kept until every message in it is settled. */
  uncleanable = false;
  /** Records that still say something that no newer record says. */
  liveRecords = 0;
  liveBytes = 0;
  /** Bytes of settles that a cleaner carried here because the messages' records still exist. */
  carriedBytes = 0;
  /** The batch with which the last live record died. */
  deadSequence = 0;
  /** The newest batch that has to be durable before this may go even while the disk is full: it replaces a record here,
   *  or settles a message here as a part of a group. */
  neededSequence = 0;
  file: LogFile | null = null;
  opening: Promise<LogFile> | null = null;
  readers = 0;
  /** Other segments with records that settles and deletes in this one speak about: they have to go first. */
  readonly references: Set<Segment> = new Set();
  /** Segments out of which messages were copied here. */
  readonly originals: Set<Segment> = new Set();
  #lastReference: Segment | null = null;
  /** Messages appended here first. */
  #lsnMin: Lsn = Number.POSITIVE_INFINITY;
  #lsnMax: Lsn = 0;
  /** Messages copied here. */
  #copies: Lsn[] = [];
  #copiesSorted = true;

  constructor(base: number) {
    this.base = base;
    this.end = base + segmentHeaderBytes;
  }

  /** Address of the first batch. */
  get first(): number {
    return this.base + segmentHeaderBytes;
  }

  get fileBytes(): number {
    return this.end - this.base;
  }

  /** A record became live here. */
  retain(bytes: number): void {
    this.liveRecords++;
    this.liveBytes += bytes;
  }

  /** A live record here died; `sequence` is the batch that says so. */
  release(bytes: number, sequence: number): void {
    this.liveBytes -= bytes;
    if (--this.liveRecords === 0) this.deadSequence = sequence;
  }

  /** As `release`, where batch `sequence` holds what takes the record's place. */
  replace(bytes: number, sequence: number): void {
    this.release(bytes, sequence);
    if (sequence > this.neededSequence) this.neededSequence = sequence;
  }

  /** A message was appended here, or, where `copied`, copied here. */
  noteMessage(lsn: Lsn, copied: boolean): void {
    if (copied) {
      this.#copies.push(lsn);
      this.#copiesSorted = false;
      return;
    }
    if (lsn < this.#lsnMin) this.#lsnMin = lsn;
    if (lsn > this.#lsnMax) this.#lsnMax = lsn;
  }

  /** True where the file may have a record of the message, live or not. */
  mayHold(lsn: Lsn): boolean {
    if (lsn >= this.#lsnMin && lsn <= this.#lsnMax) return true;
    if (this.#copies.length === 0) return false;
    if (!this.#copiesSorted) {
      this.#copies.sort((a, b) => a - b);
      this.#copiesSorted = true;
    }
    let low = 0;
    let high = this.#copies.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.#copies[middle] as number;
      if (found === lsn) return true;
      if (found < lsn) low = middle + 1;
      else high = middle - 1;
    }
    return false;
  }

  /** The unsettled messages whose records are here; may name one twice. */
  liveMessages(index: MessageIndex): Lsn[] {
    const found = index.heldWithin(this.#lsnMin, this.#lsnMax, this.first, this.end);
    for (const lsn of this.#copies) {
      if (index.locate(lsn) && index.address >= this.first && index.address < this.end) found.push(lsn);
    }
    return found;
  }

  /** A record here speaks about a record in `other`, or in one that `other` has copies from. */
  refer(other: Segment): void {
    if (other === this.#lastReference) return;
    this.#lastReference = other;
    if (other !== this) this.references.add(other);
    for (const original of other.originals) if (original !== this) this.references.add(original);
  }

  /** A live message was copied from `source` to here. */
  noteOriginal(source: Segment): void {
    this.originals.add(source);
    for (const original of source.originals) if (!original.removed) this.originals.add(original);
    this.#lastReference = null;
  }

  /** True while a segment that this one speaks about exists. */
  pinned(): boolean {
    for (const other of this.references) {
      if (!other.removed) return true;
      this.references.delete(other);
    }
    return false;
  }

  /** Takes over what `old` knew: batches of it are about to be written here instead. Errs on the side of keeping. */
  inherit(old: Segment): void {
    for (const other of old.references) if (other !== this) this.references.add(other);
    for (const other of old.originals) this.originals.add(other);
    this.references.add(old);
    this.#lsnMin = old.#lsnMin;
    this.#lsnMax = old.#lsnMax;
    this.#copies = [...old.#copies];
    this.#copiesSorted = false;
    this.carriedBytes = old.carriedBytes;
  }
}
