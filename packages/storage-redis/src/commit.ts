import type { Message } from "@jackalope/core/storage";
import { type Entry, noted, stored, touched } from "./entry.ts";
import { EntryWriter } from "./entry-writer.ts";
import { entryId, type Keys } from "./layout.ts";
import { ScriptCall } from "./script-call.ts";
import type { SlabPool } from "./slab-pool.ts";
import type { StreamList } from "./stream-list.ts";
import type { Unsettled } from "./unsettled.ts";

/** A commit gets no larger than about this, in bytes of messages and definitions, where no atomic group needs it. */
const commitBytesMax = 1024 * 1024;
/** Nor than so many entries, new or with news about them, and definitions. */
const commitPartsMax = 4096;
/** From so many bytes for one stream on it is worth the trouble not to pass them through Lua. */
const gateBytesMin = 16 * 1024;
/** Number and last Lsn, in front of the operations. */
const headArguments = 2;

/**
 * Everything written since the last commit was sealed, gathered so that one script does it: new messages by stream, the
 * entries about which there is news, and definitions.
 */
export class Commit {
  /** Given when it is sealed, as is `lastLsn`: everything up to there is durable when the commit is. */
  number = 0;
  lastLsn = 0;
  /** Bytes of messages and definitions, for the bound on what is not durable. */
  bytes = 0;
  readonly writers: EntryWriter[] = [];
  /** Entries of which something was settled. */
  readonly touched: Entry[] = [];
  /** Those of them in which an atomic group settled something: they must not go ahead of the commit. */
  grouped: Set<Entry> | null = null;
  readonly definitions: Map<string, Uint8Array | null> = new Map();
  /** The entries that are being written to, by stream. */
  readonly #open = new Map<number, EntryWriter>();
  #lastWriter: EntryWriter | null = null;
  readonly #pool: SlabPool;
  #finished: readonly Entry[] = [];
  #orphans: ReadonlyMap<number, readonly number[]> = new Map();
  /** What the script gets, made once: after a lost answer the very same is sent again. */
  #call: ScriptCall | null = null;

  constructor(pool: SlabPool) {
    this.#pool = pool;
  }

  get empty(): boolean {
    return this.writers.length === 0 && this.touched.length === 0 && this.definitions.size === 0;
  }

  /** True where nothing more should come into it. */
  get full(): boolean {
    if (this.bytes >= commitBytesMax) return true;
    return this.writers.length + this.touched.length + this.definitions.size >= commitPartsMax;
  }

  /** Adds a message to a stream. Returns the writer of a new entry where one begins. */
  add(streamId: number, lsn: number, message: Message, queueIds: readonly number[]): EntryWriter | null {
    this.bytes += message.sizeBytes;
    let writer = this.#lastWriter;
    if (writer === null || writer.entry.streamId !== streamId) writer = this.#open.get(streamId) ?? null;
    this.#lastWriter = writer;
    if (writer?.fits(message) === true) {
      writer.add(lsn, message, queueIds);
      return null;
    }
    const next = new EntryWriter(streamId, lsn, lsn, this.#pool);
    next.add(lsn, message, queueIds);
    this.#open.set(streamId, next);
    this.#lastWriter = next;
    this.writers.push(next);
    return next;
  }

  /** An entry of its own, which nothing but `firstLsn` and what the caller adds comes into. */
  begin(streamId: number, firstLsn: number, idLsn: number): EntryWriter {
    const writer = new EntryWriter(streamId, firstLsn, idLsn, this.#pool);
    this.writers.push(writer);
    return writer;
  }

  /** Something of the entry was settled, in an atomic group or outside of any. True where that is the first of it. */
  touch(entry: Entry, inGroup: boolean): boolean {
    if (inGroup) (this.grouped ??= new Set()).add(entry);
    if (entry.is(touched)) return false;
    entry.mark(touched);
    this.touched.push(entry);
    return true;
  }

  /** Entries in which everything is settled, and notes of entries that are gone, which the broker before left behind. */
  leftOver(finished: readonly Entry[], orphans: ReadonlyMap<number, readonly number[]>): void {
    this.#finished = finished;
    this.#orphans = orphans;
  }

  define(name: string, value: Uint8Array | null): void {
    this.definitions.set(name, value === null ? null : Uint8Array.from(value));
    this.bytes += name.length + (value?.length ?? 0);
  }

  /** Nothing is added any more: makes the script's arguments. */
  seal(number: number, lastLsn: number, keys: Keys, streams: StreamList, unsettled: Unsettled): void {
    this.number = number;
    this.lastLsn = lastLsn;
    const call = new ScriptCall(keys, [keys.state, keys.definitions, keys.streams]);
    call.args.push(number, lastLsn);
    this.#writeEntries(call, streams);
    for (const [name, value] of this.definitions) {
      if (value !== null) call.args.push("p", name, Buffer.from(value.buffer, value.byteOffset, value.byteLength));
    }
    // Where Redis is out of memory it refuses a script's first write only: one that needs memory comes first.
    if (call.args.length === headArguments) call.args.push("e");
    this.#writeSettled(call);
    for (const [name, value] of this.definitions) if (value === null) call.args.push("r", name);
    const gone = streams.sweep(unsettled.streamCount, (streamId) => unsettled.hasStream(streamId));
    for (const streamId of gone) call.args.push("o", streamId);
    this.#call = call;
  }

  get call(): ScriptCall {
    return this.#call as ScriptCall;
  }

  #writeEntries(call: ScriptCall, streams: StreamList): void {
    const byStream = new Map<number, EntryWriter[]>();
    for (const writer of this.writers) {
      const { entry } = writer;
      entry.seal();
      // Settled before it was ever written.
      if (entry.remaining === 0) continue;
      entry.bytes = writer.bytes;
      entry.mark(stored);
      listOf(byStream, entry.streamId).push(writer);
    }
    const large = [...byStream].filter(([, writers]) => bytesOf(writers) >= gateBytesMin);
    for (const [streamId, writers] of large) {
      call.openGate(streamId, writers[0]?.entry.idLsn as number, writers.at(-1)?.entry.idLsn as number);
      for (const { entry, fields } of writers) call.addBehindGate(streamId, entryId(entry.idLsn), fields);
      byStream.delete(streamId);
    }
    for (const [streamId] of large) if (streams.use(streamId)) call.args.push("n", streamId);
    for (const [streamId, writers] of byStream) {
      if (streams.use(streamId)) call.args.push("n", streamId);
      const key = call.streamKey(streamId);
      for (const { entry, fields } of writers) call.args.push("a", key, entryId(entry.idLsn), fields.length, ...fields);
    }
  }

  #writeSettled(call: ScriptCall): void {
    const deleted = new Map<number, number[]>();
    const forgotten = new Map<number, number[]>();
    for (const [streamId, lsns] of this.#orphans) forgotten.set(streamId, [...lsns]);
    for (const entry of [...this.#finished, ...this.touched]) {
      entry.unmark(touched);
      if (!entry.is(stored) || entry.remaining > 0) continue;
      listOf(deleted, entry.streamId).push(entry.idLsn);
      if (entry.is(noted)) listOf(forgotten, entry.streamId).push(entry.idLsn);
    }
    for (const [streamId, lsns] of deleted) call.pushIds("d", call.streamKey(streamId), lsns);
    for (const [streamId, lsns] of forgotten) call.pushIds("f", call.settledKey(streamId), lsns);
    for (const entry of this.touched) {
      if (!entry.is(stored) || entry.remaining === 0) continue;
      call.args.push("s", call.settledKey(entry.streamId), entryId(entry.idLsn), entry.note());
      entry.mark(noted);
    }
  }
}

function bytesOf(writers: readonly EntryWriter[]): number {
  let bytes = 0;
  for (const writer of writers) bytes += writer.bytes;
  return bytes;
}

function listOf<Item>(lists: Map<number, Item[]>, streamId: number): Item[] {
  let list = lists.get(streamId);
  if (list === undefined) lists.set(streamId, (list = []));
  return list;
}
