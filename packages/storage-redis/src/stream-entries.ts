import type { Entry } from "./entry.ts";

/** Below this length the list is not worth compacting. */
const compactFrom = 64;

/** The entries of one stream with something unsettled in them, in order. Mostly the first one is the next to go. */
export class StreamEntries {
  #list: Entry[] = [];
  /** Entries before this place are done with. */
  #head = 0;
  /** Entries that are done with, before and behind the head. */
  #doneCount = 0;
  #lastFound: Entry | null = null;

  get count(): number {
    return this.#list.length - this.#doneCount;
  }

  /** Entries come in the order of their Lsns. */
  add(entry: Entry): void {
    this.#list.push(entry);
  }

  /** The entry that holds the message, or null. */
  find(lsn: number): Entry | null {
    const last = this.#lastFound;
    if (last !== null && last.placeOf(lsn) >= 0) return last;
    const entry = this.#list[this.#indexOf(lsn)];
    if (entry === undefined || entry.placeOf(lsn) < 0) return null;
    this.#lastFound = entry;
    return entry;
  }

  /** Another entry holds what is left of `entry`. */
  replace(entry: Entry, by: Entry): void {
    if (this.#lastFound === entry) this.#lastFound = null;
    this.#list[this.#indexOf(entry.firstLsn)] = by;
  }

  /** The index of the last entry that begins at or before the Lsn. */
  #indexOf(lsn: number): number {
    const list = this.#list;
    let low = this.#head;
    let high = list.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((list[middle] as Entry).firstLsn <= lsn) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** An entry is finished. */
  done(entry: Entry): void {
    this.#doneCount++;
    if (this.#lastFound === entry) this.#lastFound = null;
    const list = this.#list;
    while (this.#head < list.length && (list[this.#head] as Entry).finished) this.#head++;
    if (list.length >= compactFrom && this.#doneCount * 2 < list.length) return;
    this.#list = list.filter((each) => !each.finished);
    this.#head = 0;
    this.#doneCount = 0;
  }
}
