import type { RecoveryVisitor } from "@jackalope/core/storage";
import type { RedisConnection } from "./connection.ts";
import { acknowledged, Entry, stored } from "./entry.ts";
import { forEachRow } from "./entry-reader.ts";
import { Holders } from "./holders.ts";
import { type Keys, layoutVersion, lsnOfId, sharedStream } from "./layout.ts";
import { fieldsOf } from "./message-reader.ts";
import { MovedEntries } from "./moved-entries.ts";
import { CorruptIndexError, CorruptStreamError, LeaseLostError } from "./redis-error.ts";
import type { Reply } from "./redis-client.ts";
import { StoredRows } from "./stored-rows.ts";

/** A page of entries ends at so many of them, or when so many bytes were looked at. */
const pageEntries = 1000;
const pageBytes = 8 * 1024 * 1024;
const scanCount = 100;
/** Messages told before other work gets its turn. */
const rowsAtOnce = 20_000;
/** Streams that are read at the same time. */
const streamsAtOnce = 32;
/** Streams that are mended by one script. */
const mendedAtOnce = 500;
/**
 * Lsns that a new leader leaves out: more than a commit has. A commit of the one before that was lost in Redis' file may
 * come back with the next start of Redis (scripts/mend-2-many.lua), in the place that it had: its entries must not have
 * the ids of later ones, or Redis would refuse those.
 */
const lsnsLeftOut = 2 ** 24;
/** How the writer begins before whom there was none. */
const firstEpoch = "1:";

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** Everything that a broker has to know, read at one time. */
export interface Recovered {
  readonly lastNumber: number;
  /** Greater than all Lsns that were ever given. */
  readonly lastLsn: number;
  readonly definitions: ReadonlyMap<string, Buffer>;
  /** Entries with something unsettled, in order of their first Lsns. */
  readonly entries: readonly Entry[];
  readonly rows: StoredRows;
  readonly streams: readonly number[];
  /** Streams in the list of streams that have no entry. */
  readonly emptyStreams: readonly number[];
  /** Entries in which everything is settled. */
  readonly finished: readonly Entry[];
  /** First Lsns of entries that are gone and of which there is a note, by stream. */
  readonly orphans: ReadonlyMap<number, readonly number[]>;
}

/**
 * Reads everything back: definitions, and what is unsettled, without bodies. Changes nothing but what a crash of Redis has
 * left, or may have left in its file (scripts/mend-2-many.lua, restate-3.lua), and may be begun again.
 */
export class Recovery {
  readonly #connection: RedisConnection;
  readonly #keys: Keys;
  readonly #writer: string;
  readonly #entries: Entry[] = [];
  readonly #finished: Entry[] = [];
  readonly #rows = new StoredRows();
  readonly #streams: number[] = [];
  readonly #emptyStreams: number[] = [];
  readonly #orphans = new Map<number, readonly number[]>();
  #lastLsn = 0;

  constructor(connection: RedisConnection, keys: Keys, writer: string) {
    this.#connection = connection;
    this.#keys = keys;
    this.#writer = writer;
  }

  /** Tells the visitor what was recovered: only now, since reading may have had to begin again. */
  static async tell({ definitions, rows }: Recovered, visitor: RecoveryVisitor): Promise<void> {
    for (const [name, value] of definitions) visitor.definition(name, value);
    // The lease has to be kept meanwhile.
    for (const _ of rows.visit(visitor, rowsAtOnce)) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Rejects with LeaseLostError, with CorruptStreamError, and where Redis does not answer. */
  async run(): Promise<Recovered> {
    const before = await this.#readState();
    const definitions = await this.#readDefinitions();
    const streams = await this.#readStreamList();
    await this.#mend(streams);
    const next = streams.values();
    const reader = async (): Promise<void> => {
      for (const streamId of next) await this.#readStream(streamId);
    };
    await Promise.all(Array.from({ length: streamsAtOnce }, reader));
    // The connection may have led to another server meanwhile, on which another broker wrote.
    const after = await this.#readState();
    if (after.lastNumber !== before.lastNumber) throw new Error("Redis has changed while it was read");
    this.#entries.sort((left, right) => left.firstLsn - right.firstLsn);
    return {
      lastNumber: before.lastNumber,
      lastLsn: Math.max(before.lastLsn, this.#lastLsn) + (this.#writer.startsWith(firstEpoch) ? 0 : lsnsLeftOut),
      definitions,
      entries: this.#entries,
      rows: this.#rows,
      streams: this.#streams,
      emptyStreams: this.#emptyStreams,
      finished: this.#finished,
      orphans: this.#orphans,
    };
  }

  async #readState(): Promise<{ readonly lastNumber: number; readonly lastLsn: number }> {
    const state = fieldsOf((await this.#connection.send("HGETALL", [this.#keys.state])) as readonly unknown[]);
    if (state.get("writer")?.toString() !== this.#writer) throw new LeaseLostError();
    const layout = state.get("layout")?.toString();
    if (layout !== layoutVersion) {
      throw new CorruptStreamError(this.#keys.state, `the layout is ${layout}, this version knows ${layoutVersion}`);
    }
    const [lastNumber, lastLsn] = ["number", "lsn"].map((name) => {
      const value = Number(String(state.get(name) ?? 0));
      if (!isCount(value))
        throw new CorruptStreamError(this.#keys.state, `its ${name} is '${String(state.get(name))}'`);
      return value;
    }) as [number, number];
    return { lastNumber, lastLsn };
  }

  async #readDefinitions(): Promise<Map<string, Buffer>> {
    const definitions = new Map<string, Buffer>();
    const { state, definitions: key, definitionsCopy } = this.#keys;
    let cursor = "0";
    do {
      const args = [this.#writer, cursor, scanCount];
      const reply = await this.#connection.script("restate", [state, key, definitionsCopy], args);
      const [next, fields] = reply as readonly [Reply, readonly Reply[]];
      // A field may come twice. The values are copied, as they are parts of large answers.
      for (const [name, value] of fieldsOf(fields)) definitions.set(name, Buffer.from(value));
      cursor = String(next);
    } while (cursor !== "0");
    return definitions;
  }

  async #readStreamList(): Promise<readonly number[]> {
    const streams = new Set<number>();
    await this.#scan("SSCAN", this.#keys.streams, (members) => {
      // An empty one, which a crash may leave (scripts/mend-2-many.lua), is 0: the shared stream is looked at in vain.
      for (const member of members) {
        const id = Number(String(member));
        if (!isCount(id)) throw new CorruptStreamError(this.#keys.streams, `'${String(member)}' is no queue`);
        streams.add(id);
      }
    });
    return [...streams].sort((left, right) => left - right);
  }

  async #scan(command: string, key: string, take: (items: readonly Reply[]) => void): Promise<void> {
    let cursor = "0";
    do {
      const reply = await this.#connection.send(command, [key, cursor, "COUNT", scanCount]);
      const [next, items] = reply as readonly [Reply, readonly Reply[]];
      take(items);
      cursor = String(next);
    } while (cursor !== "0");
  }

  async #mend(streams: readonly number[]): Promise<void> {
    let found = 0;
    for (let at = 0; at < streams.length; at += mendedAtOnce) {
      const ids = streams.slice(at, at + mendedAtOnce);
      const names = ids.flatMap((id) => [this.#keys.stream(id), this.#keys.gate(id)]);
      const keys = [this.#keys.state, this.#keys.streams, ...names];
      found += Number(await this.#connection.script("mend", keys, [this.#writer, ...ids]));
    }
    if (found === 0) return;
    this.#connection.logger.warn({ streams: found }, "streams in Redis stood under other names: put back");
  }

  async #readStream(streamId: number): Promise<void> {
    const { stream, settled } = { stream: this.#keys.stream(streamId), settled: this.#keys.settled(streamId) };
    const owners = [streamId];
    const moved = new MovedEntries();
    const notes = new Set<number>();
    let entries = 0;
    let from = "-";
    for (let more = true; more; ) {
      const args = [from, pageEntries, pageBytes];
      const page = (await this.#connection.script("page", [stream, settled], args)) as readonly Reply[];
      more = page[0] === 1;
      for (let at = 2; at < page.length; entries++) {
        const [id, note, dataBytes, fieldCount] = page.slice(at, at + 4) as [Buffer, Buffer | null, number, number];
        at += 4 + fieldCount;
        const fields = fieldsOf(page.slice(at - fieldCount, at));
        from = `(${String(id)}`;
        if (note !== null) notes.add(lsnOfId(String(id)));
        try {
          this.#takeEntry(streamId, owners, String(id), note, dataBytes, fields, moved);
        } catch (error) {
          // Whatever reading trips over, the entry is what is wrong.
          const reason = `entry ${String(id)} cannot be read: ${(error as Error).message}`;
          throw new CorruptStreamError(stream, reason, { cause: error });
        }
      }
      if (!more && (page[1] as number) > notes.size) await this.#findOrphans(streamId, notes);
    }
    (entries === 0 ? this.#emptyStreams : this.#streams).push(streamId);
  }

  #takeEntry(
    streamId: number,
    owners: readonly number[],
    id: string,
    note: Buffer | null,
    dataBytes: number,
    fields: ReadonlyMap<string, Buffer>,
    moved: MovedEntries,
  ): void {
    const index = fields.get("index");
    const queues = fields.get("queues");
    if (index === undefined || index.length === 0) throw new CorruptIndexError("it has no index");
    if ((queues !== undefined) !== (streamId === sharedStream)) throw new CorruptIndexError("its queues are not told");
    const holders = queues === undefined ? null : Holders.decode(queues);
    const idLsn = lsnOfId(id);
    const firstLsn = Number(String(fields.get("first") ?? idLsn));
    // One that was moved has a later id.
    if (!isCount(firstLsn) || firstLsn > idLsn) throw new CorruptIndexError(`its first Lsn is ${firstLsn}`);
    const entry = new Entry(streamId, firstLsn, idLsn, holders);
    forEachRow(index, entry.firstLsn, dataBytes, (row) => {
      if (holders !== null && holders.sets[row.queueSet - 1] === undefined) {
        throw new CorruptIndexError(`there is no queue set ${row.queueSet}`);
      }
      entry.add(row.lsn, row.queueSet - 1);
    });
    entry.seal();
    entry.mark(stored);
    entry.mark(acknowledged);
    entry.bytes = index.length + dataBytes;
    this.#lastLsn = Math.max(this.#lastLsn, entry.idLsn, entry.lastLsn);
    if (note !== null) entry.restore(note);
    if (moved.repeats(entry)) entry.retire();
    if (entry.remaining === 0) {
      this.#finished.push(entry);
      return;
    }
    this.#entries.push(entry);
    forEachRow(index, entry.firstLsn, dataBytes, (row, place) => {
      if (entry.isSettled(place)) return;
      this.#rows.add(row, holders === null ? owners : entry.holdersOf(place));
    });
  }

  /** Entries that were deleted ahead of their commit (relief.ts) leave notes behind if the commit never came. */
  async #findOrphans(streamId: number, known: ReadonlySet<number>): Promise<void> {
    const orphans = new Set<number>();
    await this.#scan("HSCAN", this.#keys.settled(streamId), (fields) => {
      for (const id of fieldsOf(fields).keys()) if (!known.has(lsnOfId(id))) orphans.add(lsnOfId(id));
    });
    this.#orphans.set(streamId, [...orphans]);
  }
}
