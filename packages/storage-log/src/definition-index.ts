import type { Segment } from "./segment.ts";

/** Where the newest word on one key is. */
export interface DefinitionPlace {
  /** Address and length of the record that sets the key, or removes it. */
  address: number;
  length: number;
  removed: boolean;
  /** Segments with a record that sets the key. A removal has to outlive all of them. */
  holders: Segment[];
}

const holdersPrunedFrom = 8;

/** Every key that is set, and every removed one that an old record could bring back. */
export class DefinitionIndex {
  #places = new Map<string, DefinitionPlace>();
  #removed = new Set<string>();

  get(key: string): DefinitionPlace | undefined {
    return this.#places.get(key);
  }

  /** A record in `segment` sets the key. */
  set(key: string, address: number, length: number, segment: Segment): void {
    const place = this.#places.get(key);
    if (place === undefined) {
      this.#places.set(key, { address, length, removed: false, holders: [segment] });
      return;
    }
    if (place.removed) this.#removed.delete(key);
    place.address = address;
    place.length = length;
    place.removed = false;
    if (place.holders.length > holdersPrunedFrom) place.holders = place.holders.filter((held) => !held.removed);
    if (!place.holders.includes(segment)) place.holders.push(segment);
  }

  /** A record in `segment` removes the key, which is known. */
  remove(key: string, place: DefinitionPlace, address: number, length: number): void {
    place.address = address;
    place.length = length;
    place.removed = true;
    this.#removed.add(key);
  }

  /** A segment is gone: forgets the removals that nothing is left to remove for. */
  prune(): void {
    for (const key of this.#removed) {
      const place = this.#places.get(key) as DefinitionPlace;
      place.holders = place.holders.filter((held) => !held.removed);
      if (place.holders.length > 0) continue;
      this.#removed.delete(key);
      this.#places.delete(key);
    }
  }

  /** The keys that are set. */
  *entries(): Generator<[string, DefinitionPlace]> {
    for (const entry of this.#places) if (!entry[1].removed) yield entry;
  }

  /** `from` had records of batches that are written to `to` instead: both count as holders. */
  share(from: Segment, to: Segment): void {
    for (const place of this.#places.values()) if (place.holders.includes(from)) place.holders.push(to);
  }
}
