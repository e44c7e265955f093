import { copyBytes, type Message, type MessageFormat, type Route } from "@jackalope/core/storage";
import { Entry } from "./entry.ts";
import { GrowingBytes } from "./growing-bytes.ts";
import { Holders, setsMax } from "./holders.ts";
import { indexBytes, persistentFlag, sharedStream } from "./layout.ts";
import type { SlabPool } from "./slab-pool.ts";

/** Messages of an entry: to read one of them is to read all of them. Their index fits into 32 KiB. */
const entryMessagesMax = 800;
/** Bytes of an entry, for the same reason. A larger message has an entry of its own. */
const entryBytesMax = 128 * 1024;
/** Pairs of message and queue: the note of what is settled, a bit for each, is written again whenever there is news. */
const entryPairsMax = 16_384;

const firstIndexBytes = indexBytes * 4;
const firstDataBytes = 512;
const noBytes = Buffer.alloc(0);

/** Gathers what one commit adds to one stream: the fields of an entry (layout.ts). */
export class EntryWriter {
  readonly entry: Entry;
  readonly index: GrowingBytes;
  readonly data: GrowingBytes;
  readonly #routes: (readonly [exchange: string, routingKey: string, formatId: string])[] = [];
  /** Places in the list of routes, by route and format. */
  readonly #places = new Map<Route, Map<MessageFormat, number>>();
  #lastRoute: Route | null = null;
  #lastFormat: MessageFormat | null = null;
  #lastPlace = 0;
  /** Numbers of the queue sets, by their ids in text. */
  #sets: Map<string, number> | null = null;
  #lastSet = 0;

  /** `idLsn` is the Lsn in the entry's id, which is that of the first message where nobody moves it. */
  constructor(streamId: number, firstLsn: number, idLsn: number, pool: SlabPool) {
    this.index = new GrowingBytes(pool, firstIndexBytes);
    this.data = new GrowingBytes(pool, firstDataBytes);
    this.entry = new Entry(streamId, firstLsn, idLsn, streamId === sharedStream ? new Holders() : null);
  }

  /** False where the message belongs into an entry of its own, or the next one. */
  fits(message: Message): boolean {
    const { count, holders } = this.entry;
    if (count === 0) return true;
    if (count >= entryMessagesMax || this.data.length + message.sizeBytes > entryBytesMax) return false;
    return holders === null || (holders.pairs < entryPairsMax && holders.sets.length < setsMax);
  }

  /** Adds a message. `queueIds` count in the shared stream only. */
  add(lsn: number, message: Message, queueIds: readonly number[]): void {
    const set = this.entry.holders === null ? 0 : this.#setOf(this.entry.holders, queueIds);
    this.entry.add(lsn, set);
    const keys = message.extraKeys.length === 0 ? noBytes : Buffer.from(JSON.stringify(message.extraKeys));
    const { data } = this;
    const { nativeStart, nativeEnd, bodyStart, bodyEnd } = message;
    this.#addIndex(lsn, message, keys.length, this.entry.holders === null ? 0 : set + 1);
    let at = data.reserve(keys.length + nativeEnd - nativeStart + bodyEnd - bodyStart);
    if (keys.length > 0) at += keys.copy(data.buffer, at);
    // One copy where the two stand together.
    if (nativeEnd === bodyStart) {
      copyBytes(message.bytes, nativeStart, bodyEnd, data.buffer, at);
      return;
    }
    at = copyBytes(message.bytes, nativeStart, nativeEnd, data.buffer, at);
    copyBytes(message.bytes, bodyStart, bodyEnd, data.buffer, at);
  }

  /** The fields and their values, in turn. */
  get fields(): (string | Buffer)[] {
    const fields = ["index", this.index.bytes, "routes", this.routes, "data", this.data.bytes];
    const { holders, firstLsn, idLsn } = this.entry;
    if (holders !== null) fields.push("queues", holders.encode());
    if (firstLsn !== idLsn) fields.push("first", `${firstLsn}`);
    return fields;
  }

  get routes(): string {
    return JSON.stringify(this.#routes);
  }

  /** Bytes gathered, about. */
  get bytes(): number {
    return this.index.length + this.data.length;
  }

  /** The memory may be used for something else. */
  release(): void {
    this.index.release();
    this.data.release();
  }

  #addIndex(lsn: number, message: Message, keysBytes: number, set: number): void {
    const { index } = this;
    const at = index.reserve(indexBytes);
    const { view } = index;
    view.setUint32(at, lsn - this.entry.firstLsn, true);
    view.setUint8(at + 4, message.persistent ? persistentFlag : 0);
    view.setUint8(at + 5, message.priority);
    view.setUint16(at + 6, set, true);
    view.setUint32(at + 8, this.#placeOf(message.route, message.format), true);
    view.setUint32(at + 12, keysBytes, true);
    view.setUint32(at + 16, message.nativeEnd - message.nativeStart, true);
    view.setUint32(at + 20, message.bodyEnd - message.bodyStart, true);
    view.setFloat64(at + 24, message.expirationMs, true);
    view.setFloat64(at + 32, message.publishedAtMs, true);
  }

  #placeOf(route: Route, format: MessageFormat): number {
    if (route === this.#lastRoute && format === this.#lastFormat) return this.#lastPlace;
    let byFormat = this.#places.get(route);
    if (byFormat === undefined) this.#places.set(route, (byFormat = new Map()));
    let place = byFormat.get(format);
    if (place === undefined) {
      place = this.#routes.push([route.exchange, route.routingKey, format.id]) - 1;
      byFormat.set(format, place);
    }
    this.#lastRoute = route;
    this.#lastFormat = format;
    this.#lastPlace = place;
    return place;
  }

  #setOf(holders: Holders, queueIds: readonly number[]): number {
    const { sets } = holders;
    const last = sets[this.#lastSet];
    if (last !== undefined && sameQueues(last, queueIds)) return this.#lastSet;
    const text = queueIds.join();
    this.#sets ??= new Map();
    let set = this.#sets.get(text);
    if (set === undefined) {
      set = sets.push([...queueIds]) - 1;
      this.#sets.set(text, set);
    }
    this.#lastSet = set;
    return set;
  }
}

function sameQueues(left: readonly number[], right: readonly number[]): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) if (left[index] !== right[index]) return false;
  return true;
}
