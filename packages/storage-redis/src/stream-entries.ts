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
    if (last !== null && lsn >= last.firstLsn && last.placeOf(lsn) >= 0) return last;
    const list = this.#list;
    let low = this.#head;
    let high = list.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((list[middle] as Entry).firstLsn <= lsn) low = middle;
      else high = middle - 1;
    }
    const entry = list[low];
    if (entry === undefined || entry.placeOf(lsn) < 0) return null;
    this.#lastFound = entry;
    return entry;
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
