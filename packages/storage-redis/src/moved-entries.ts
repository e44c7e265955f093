import type { Entry } from "./entry.ts";

/**
 * Finds entries of one stream that hold messages of another one: one that was moved may stand beside the one that it came
 * from where Redis had lost the commit and brings a part of it back (scripts/mend-2-many.lua). The first of them counts:
 * it has everything that is not settled.
 */
export class MovedEntries {
  /** Those that were never moved, in the order of their Lsns. */
  readonly #inPlace: Entry[] = [];
  readonly #movedLsns = new Set<number>();

  /** True where an entry that came before holds messages of this one, too. Entries come in the order of their ids. */
  repeats(entry: Entry): boolean {
    if (entry.idLsn === entry.firstLsn) {
      this.#inPlace.push(entry);
      return false;
    }
    const lsns = Array.from({ length: entry.count }, (_, place) => entry.lsnAt(place));
    if (lsns.some((lsn) => this.#movedLsns.has(lsn) || this.#holds(lsn))) return true;
    for (const lsn of lsns) this.#movedLsns.add(lsn);
    return false;
  }

  #holds(lsn: number): boolean {
    let low = 0;
    let high = this.#inPlace.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#inPlace[middle] as Entry).firstLsn <= lsn) low = middle;
      else high = middle - 1;
    }
    return (this.#inPlace[low]?.placeOf(lsn) ?? -1) >= 0;
  }
}
