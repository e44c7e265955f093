import type { Entry } from "./entry.ts";

/** Below this many the list is not worth compacting. */
const compactFrom = 64;

/**
 * All entries by their Lsns, for messages whose stream nobody tells. The Lsns of entries of one commit are mixed, those
 * of different commits are not: so entries are kept in groups that follow one another.
 */
export class EntryGroups {
  #firstLsns: number[] = [];
  /** Mostly a commit has a single entry, which needs no list. */
  #groups: (Entry | Entry[])[] = [];
  #entries = 0;
  #finished = 0;
  /** Where `take` goes on. */
  #cursor = 0;

  /** Entries of one commit, in order, behind all that were there before. */
  add(entries: readonly Entry[]): void {
    const [first] = entries;
    if (first === undefined) return;
    this.#firstLsns.push(first.firstLsn);
    this.#groups.push(entries.length === 1 ? first : [...entries]);
    this.#entries += entries.length;
  }

  /** Entries of several commits, in order of their first Lsns. */
  addAll(entries: readonly Entry[]): void {
    let group: Entry[] = [];
    let lastLsn = 0;
    for (const entry of entries) {
      if (entry.firstLsn > lastLsn) {
        this.add(group);
        group = [];
      }
      group.push(entry);
      lastLsn = Math.max(lastLsn, entry.lastLsn);
    }
    this.add(group);
  }

  /** The entry that holds the message, or null. */
  find(lsn: number): Entry | null {
    const group = this.#groups[this.#indexOf(lsn)];
    if (group === undefined) return null;
    if (isList(group)) return group.find((entry) => entry.placeOf(lsn) >= 0) ?? null;
    return group.placeOf(lsn) < 0 ? null : group;
  }

  /** Another entry holds what is left of `entry`. */
  replace(entry: Entry, by: Entry): void {
    const index = this.#indexOf(entry.firstLsn);
    const group = this.#groups[index] as Entry | Entry[];
    if (isList(group)) group[group.indexOf(entry)] = by;
    else this.#groups[index] = by;
  }

  /**
   * Looks at entries, going on where the last call ended, and begins again at the end. Returns true where it came to the
   * end; `visit` returns false where it has seen enough.
   */
  round(visit: (entry: Entry) => boolean): boolean {
    while (this.#cursor < this.#groups.length) {
      const group = this.#groups[this.#cursor++] as Entry | Entry[];
      let more = true;
      for (const entry of isList(group) ? group : [group]) more = visit(entry) && more;
      if (!more) return false;
    }
    this.#cursor = 0;
    return true;
  }

  /** The index of the last group that begins at or before the Lsn. */
  #indexOf(lsn: number): number {
    let low = 0;
    let high = this.#firstLsns.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#firstLsns[middle] as number) <= lsn) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** An entry is finished. */
  done(): void {
    this.#finished++;
    if (this.#finished < compactFrom || this.#finished * 2 < this.#entries) return;
    const groups = this.#groups;
    this.#firstLsns = [];
    this.#groups = [];
    this.#entries = 0;
    this.#finished = 0;
    this.#cursor = 0;
    for (const group of groups) this.add(isList(group) ? group.filter((entry) => !entry.finished) : living(group));
  }
}

function isList(group: Entry | Entry[]): group is Entry[] {
  return Array.isArray(group);
}

function living(entry: Entry): readonly Entry[] {
  return entry.finished ? [] : [entry];
}
