import type { Lsn, Message } from "@jackalope/core/storage";
import type { Commit } from "./commit.ts";
import type { RedisConnection } from "./connection.ts";
import type { Entry } from "./entry.ts";
import { EntryReader } from "./entry-reader.ts";
import type { EntryWriter } from "./entry-writer.ts";
import { entryId, type Keys } from "./layout.ts";
import type { Unsettled } from "./unsettled.ts";

/** Reads messages back: from commits that Redis has not answered yet, and from its streams. */
export class MessageReader {
  readonly #connection: RedisConnection;
  readonly #keys: Keys;
  readonly #unsettled: Unsettled;
  readonly #entries = new EntryReader();
  /** Entries that Redis does not have for certain. */
  readonly #pending = new Map<Entry, EntryWriter>();

  constructor(connection: RedisConnection, keys: Keys, unsettled: Unsettled) {
    this.#connection = connection;
    this.#keys = keys;
    this.#unsettled = unsettled;
  }

  /** An entry was begun. */
  begun(writer: EntryWriter): void {
    this.#pending.set(writer.entry, writer);
  }

  /** The commit's entries are in Redis. */
  committed(commit: Commit): void {
    for (const { entry } of commit.writers) this.#pending.delete(entry);
  }

  /** Rejects where a message is not stored, and where Redis does not answer. */
  async read(lsns: readonly Lsn[]): Promise<readonly Message[]> {
    const found = new Map<Lsn, Message>();
    const reads: Promise<void>[] = [];
    const byEntry = this.#byEntry(lsns);
    // Everything is asked for before the first answer: what is settled meanwhile is deleted behind it.
    for (const [entry, wanted] of byEntry) {
      const writer = this.#pending.get(entry);
      if (writer !== undefined) {
        const fields = { index: writer.index.bytes, routes: writer.routes, data: writer.data.bytes };
        this.#entries.read(fields, entry.firstLsn, wanted, found);
      } else reads.push(this.#readEntry(entry, wanted, found));
    }
    await Promise.all(reads);
    return lsns.map((lsn) => found.get(lsn) ?? missing(lsn));
  }

  #byEntry(lsns: readonly Lsn[]): Map<Entry, Set<Lsn>> {
    const byEntry = new Map<Entry, Set<Lsn>>();
    let last: Entry | null = null;
    for (const lsn of lsns) {
      const entry: Entry =
        last !== null && last.placeOf(lsn) >= 0 ? last : (this.#unsettled.findAnywhere(lsn) ?? missing(lsn));
      if (entry.isSettled(entry.placeOf(lsn))) missing(lsn);
      const wanted = byEntry.get(entry);
      if (wanted === undefined) byEntry.set(entry, new Set([lsn]));
      else wanted.add(lsn);
      last = entry;
    }
    return byEntry;
  }

  async #readEntry(entry: Entry, wanted: ReadonlySet<Lsn>, into: Map<Lsn, Message>): Promise<void> {
    const id = entryId(entry.idLsn);
    const reply = await this.#connection.send("XRANGE", [this.#keys.stream(entry.streamId), id, id]);
    const [row] = reply as unknown as readonly (readonly [Buffer, readonly Buffer[]])[];
    if (row === undefined) return;
    const fields = fieldsOf(row[1]);
    const index = fields.get("index");
    const routes = fields.get("routes")?.toString();
    const data = fields.get("data");
    if (index === undefined || routes === undefined || data === undefined) return;
    this.#entries.read({ index, routes, data }, entry.firstLsn, wanted, into);
  }
}

/** The fields of a stream entry, or of a hash, by name. */
export function fieldsOf(pairs: readonly unknown[]): Map<string, Buffer> {
  const fields = new Map<string, Buffer>();
  for (let at = 0; at + 1 < pairs.length; at += 2) fields.set(String(pairs[at]), pairs[at + 1] as Buffer);
  return fields;
}

function missing(lsn: Lsn): never {
  throw new Error(`message ${lsn} is not stored`);
}
