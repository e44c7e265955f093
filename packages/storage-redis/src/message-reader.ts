import type { Lsn, Message } from "@jackalope/core/storage";
import type { Commit } from "./commit.ts";
import type { RedisConnection } from "./connection.ts";
import type { Entry } from "./entry.ts";
import { EntryReader } from "./entry-reader.ts";
import type { EntryWriter } from "./entry-writer.ts";
import { entryId, type Keys } from "./layout.ts";
import { CorruptIndexError, LeaseLostError } from "./redis-error.ts";
import type { Unsettled } from "./unsettled.ts";

export interface MessageReaderOptions {
  readonly connection: RedisConnection;
  readonly keys: Keys;
  readonly unsettled: Unsettled;
  /** What Redis' state has to say before an entry that it lacks is lost: the writer, and the last commit it answered. */
  readonly known: () => { readonly writer: string; readonly lastNumber: number };
  /** An entry with unsettled messages that Redis had for certain is there no more. */
  readonly lost: (error: LeaseLostError) => void;
}

/** Reads messages back: from commits that Redis has not answered yet, and from its streams. */
export class MessageReader {
  readonly #options: MessageReaderOptions;
  readonly #entries = new EntryReader();
  /** Entries that Redis does not have for certain. */
  readonly #pending = new Map<Entry, EntryWriter>();

  constructor(options: MessageReaderOptions) {
    this.#options = options;
  }

  /** An entry was begun. */
  begun(writer: EntryWriter): void {
    this.#pending.set(writer.entry, writer);
  }

  /** The commit's entries are in Redis. */
  committed(commit: Commit): void {
    for (const { entry } of commit.writers) this.#pending.delete(entry);
  }

  /** Rejects where a message is not stored, with CorruptIndexError, and where Redis does not answer. */
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
        last !== null && last.placeOf(lsn) >= 0 ? last : (this.#options.unsettled.findAnywhere(lsn) ?? missing(lsn));
      if (entry.isSettled(entry.placeOf(lsn))) missing(lsn);
      const wanted = byEntry.get(entry);
      if (wanted === undefined) byEntry.set(entry, new Set([lsn]));
      else wanted.add(lsn);
      last = entry;
    }
    return byEntry;
  }

  async #readEntry(entry: Entry, wanted: ReadonlySet<Lsn>, into: Map<Lsn, Message>): Promise<void> {
    const { connection, keys } = this.#options;
    const id = entryId(entry.idLsn);
    const reply = await connection.send("XRANGE", [keys.stream(entry.streamId), id, id]);
    const [row] = reply as unknown as readonly (readonly [Buffer, readonly Buffer[]])[];
    if (row === undefined) {
      await this.#tellWhereLost(entry);
      return;
    }
    try {
      const fields = fieldsOf(row[1]);
      const index = fields.get("index");
      const routes = fields.get("routes")?.toString();
      const data = fields.get("data");
      if (index === undefined || routes === undefined || data === undefined) {
        throw new CorruptIndexError("it lacks index, routes or data");
      }
      this.#entries.read({ index, routes, data }, entry.firstLsn, wanted, into);
    } catch (error) {
      // Whatever reading trips over, the entry is what is wrong.
      const reason = (error as Error).message;
      throw new CorruptIndexError(`${keys.stream(entry.streamId)}: entry ${id} cannot be read: ${reason}`, {
        cause: error,
      });
    }
  }

  /**
   * An entry that was not found is lost where nothing of it was settled on the way, and Redis has all commits that it had
   * confirmed: after a fail-over some may be written again only now.
   */
  async #tellWhereLost(entry: Entry): Promise<void> {
    const { connection, keys, known, lost } = this.#options;
    // Where something is left of it, what deletes it is sent behind this question at the earliest.
    if (entry.remaining === 0) return;
    const { writer, lastNumber } = known();
    const id = entryId(entry.idLsn);
    const stream = keys.stream(entry.streamId);
    if ((await connection.script("missing", [keys.state, stream], [writer, lastNumber, id])) !== 1) return;
    lost(new LeaseLostError(`Redis has lost messages that nobody has settled: ${stream} has no entry ${id}`));
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
