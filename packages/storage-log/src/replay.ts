import type { Lsn, RecoveryVisitor } from "@jackalope/core/storage";
import type { DefinitionIndex } from "./definition-index.ts";
import { definitionKey, definitionValue } from "./definition-record.ts";
import { deleteKind, messageKind, putKind, settleKind } from "./layout.ts";
import { heldByNone, type MessageIndex, notHeld } from "./message-index.ts";
import { recordExpirationMs, recordQueueIds, recordSizeBytes } from "./message-record.ts";
import { RecoveredFacts } from "./recovered-facts.ts";
import type { Segment } from "./segment.ts";
import type { SegmentTable } from "./segment-table.ts";
import { visitSettles } from "./settle-lists.ts";

/** Builds the state of the log from its records, in the order in which they were written. */
export class Replay {
  readonly #index: MessageIndex;
  readonly #definitions: DefinitionIndex;
  readonly #segments: SegmentTable;
  readonly #facts = new RecoveredFacts();
  readonly #values = new Map<string, Uint8Array>();
  /** The highest message seen: one at or below it is a copy that a cleaner made. */
  #highestLsn: Lsn = 0;
  #segment: Segment | null = null;

  constructor(index: MessageIndex, definitions: DefinitionIndex, segments: SegmentTable) {
    this.#index = index;
    this.#definitions = definitions;
    this.#segments = segments;
  }

  /** Applies the records of one whole batch; `address` is that of the byte at `start` in `buffer`. */
  batch(segment: Segment, buffer: Buffer, view: DataView, start: number, end: number, address: number): void {
    this.#segment = segment;
    for (let at = start; at < end; ) {
      const length = view.getUint32(at + 4, true);
      const place = address + at - start;
      switch (buffer[at + 8]) {
        case messageKind:
          this.#message(segment, buffer, view, at, place, length);
          break;
        case settleKind:
          visitSettles(buffer, view, at, this.#settle);
          break;
        case putKind:
          this.#put(segment, definitionKey(buffer, view, at), place, length);
          this.#values.set(definitionKey(buffer, view, at), definitionValue(buffer, view, at));
          break;
        case deleteKind:
          this.#delete(segment, definitionKey(buffer, view, at), place, length);
          break;
        default: // a filler
      }
      at += length;
    }
  }

  /** Tells what is left. */
  visit(visitor: RecoveryVisitor): void {
    for (const [key, value] of this.#values) visitor.definition(key, value);
    this.#values.clear();
    const message = {
      lsn: 0,
      queueIds: [] as number[],
      sizeBytes: 0,
      bodyBytes: 0,
      priority: 0,
      expirationMs: -1,
      publishedAtMs: 0,
    };
    for (const lsn of this.#index.lsns()) {
      message.lsn = lsn;
      message.queueIds = this.#index.queuesOf(lsn);
      this.#facts.fill(message);
      visitor.message(message);
    }
  }

  #message(segment: Segment, buffer: Buffer, view: DataView, at: number, address: number, length: number): void {
    const lsn = view.getFloat64(at + 12, true);
    const copied = lsn <= this.#highestLsn;
    if (!copied) this.#highestLsn = lsn;
    else if (this.#index.locate(lsn)) {
      const original = this.#segments.find(this.#index.address);
      original.release(this.#index.length, 0);
      this.#index.remove(lsn);
      if (original !== segment) segment.noteOriginal(original);
    }
    this.#index.add(lsn, address, length, recordQueueIds(view, at));
    segment.retain(length);
    segment.noteMessage(lsn, copied);
    const sizeBytes = recordSizeBytes(buffer, view, at);
    this.#facts.note(
      lsn,
      sizeBytes,
      sizeBytes - view.getUint32(at + 28, true),
      view.getUint8(at + 10),
      recordExpirationMs(view, at),
      view.getFloat64(at + 20, true),
    );
  }

  readonly #settle = (queueId: number, lsn: Lsn): void => {
    const found = this.#index.settle(lsn, queueId);
    if (found === notHeld) return;
    const holder = this.#segments.find(this.#index.address);
    if (found === heldByNone) holder.release(this.#index.length, 0);
    (this.#segment as Segment).refer(holder);
  };

  #put(segment: Segment, key: string, address: number, length: number): void {
    const place = this.#definitions.get(key);
    if (place !== undefined && !place.removed) this.#segments.find(place.address).release(place.length, 0);
    this.#definitions.set(key, address, length, segment);
    segment.retain(length);
  }

  #delete(segment: Segment, key: string, address: number, length: number): void {
    this.#values.delete(key);
    const place = this.#definitions.get(key);
    if (place === undefined) return;
    if (!place.removed) this.#segments.find(place.address).release(place.length, 0);
    for (const holder of place.holders) segment.refer(holder);
    this.#definitions.remove(key, place, address, length);
  }
}
