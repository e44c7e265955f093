import type { Entry } from "./entry.ts";
import { EntryGroups } from "./entry-groups.ts";
import { sharedStream } from "./layout.ts";
import { StreamEntries } from "./stream-entries.ts";

/** What is not settled, of all streams. */
export class Unsettled {
  readonly #streams = new Map<number, StreamEntries>();
  readonly #groups = new EntryGroups();
  /** Entries of the commit that is being gathered, and those of them that hold what is left of others. */
  #gathered: Entry[] = [];
  #replacements: Entry[] = [];
  /** Bytes of all entries in Redis, about, and those of messages in them that are settled. */
  bytes = 0;
  garbageBytes = 0;
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
      this.#weigh(entry);
    }
    this.#groups.addAll(entries);
  }

  /** What is left of `entry` comes into another one. */
  replace(entry: Entry, by: Entry): void {
    this.#streams.get(entry.streamId)?.replace(entry, by);
    this.#groups.replace(entry, by);
    this.#replacements.push(by);
    this.bytes -= entry.bytes;
    this.garbageBytes -= garbageOf(entry);
  }

  /** Looks at entries of sealed commits; see `EntryGroups.round`. */
  round(visit: (entry: Entry) => boolean): boolean {
    return this.#groups.round(visit);
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
      this.#weigh(entry);
      if (entry.finished) this.#forget(entry);
    }
    for (const entry of this.#replacements.splice(0)) {
      this.#weigh(entry);
      if (entry.finished) this.#finish(entry);
    }
  }

  /** A message was settled for one of its queues; `liveBefore` is how many messages of the entry were not before. */
  settled(entry: Entry, liveBefore: number): void {
    if (entry.live !== liveBefore) this.garbageBytes += entry.bytes / entry.count;
    if (entry.finished) this.#finish(entry);
  }

  #finish(entry: Entry): void {
    this.#forget(entry);
    this.#groups.done();
  }

  #weigh(entry: Entry): void {
    this.bytes += entry.bytes;
    this.garbageBytes += garbageOf(entry);
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
    this.garbageBytes -= garbageOf(entry);
    this.entries--;
    // The sum of many fractions is not quite 0.
    if (this.entries === 0) this.garbageBytes = 0;
    entries.done(entry);
    if (entries.count === 0) this.#streams.delete(entry.streamId);
  }
}

function garbageOf(entry: Entry): number {
  return (entry.bytes * (entry.count - entry.live)) / entry.count;
}
