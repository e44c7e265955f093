import type { Entry } from "./entry.ts";
import { EntryGroups } from "./entry-groups.ts";
import { sharedStream } from "./layout.ts";
import { StreamEntries } from "./stream-entries.ts";

/** What is not settled, of all streams. */
export class Unsettled {
  readonly #streams = new Map<number, StreamEntries>();
  readonly #groups = new EntryGroups();
  /** Entries of the commit that is being gathered. */
  #gathered: Entry[] = [];
  /** Bytes of all entries in Redis, about. */
  bytes = 0;
  entries = 0;

  /** A new entry, whose messages still come. */
  add(entry: Entry): void {
    this.#gathered.push(entry);
    this.#addToStream(entry);
  }

  /** Entries that Redis has, in order of their first Lsns. */
  restore(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.#addToStream(entry);
      this.bytes += entry.bytes;
    }
    this.#groups.addAll(entries);
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  hasStream(streamId: number): boolean {
    return this.#streams.has(streamId);
  }

  /** The entry with a queue's message, or null. */
  find(queueId: number, lsn: number): Entry | null {
    return this.#streams.get(queueId)?.find(lsn) ?? this.#streams.get(sharedStream)?.find(lsn) ?? null;
  }

  /** The entry with a message whose queue nobody tells, or null. */
  findAnywhere(lsn: number): Entry | null {
    return this.#groups.find(lsn) ?? this.#gathered.find((entry) => entry.placeOf(lsn) >= 0) ?? null;
  }

  /** The commit that was gathered is sealed: entries of it may be finished already. */
  sealed(): void {
    const entries = this.#gathered;
    this.#gathered = [];
    this.#groups.add(entries.filter((entry) => !entry.finished));
    for (const entry of entries) {
      this.bytes += entry.bytes;
      if (entry.finished) this.#forget(entry);
    }
  }

  /** An entry of an earlier commit is finished. */
  finished(entry: Entry): void {
    this.#forget(entry);
    this.#groups.done();
  }

  #addToStream(entry: Entry): void {
    const { streamId } = entry;
    let entries = this.#streams.get(streamId);
    if (entries === undefined) this.#streams.set(streamId, (entries = new StreamEntries()));
    entries.add(entry);
    this.entries++;
  }

  #forget(entry: Entry): void {
    const entries = this.#streams.get(entry.streamId);
    if (entries === undefined) return;
    this.bytes -= entry.bytes;
    this.entries--;
    entries.done(entry);
    if (entries.count === 0) this.#streams.delete(entry.streamId);
  }
}
