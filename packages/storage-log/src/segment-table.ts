import type { Segment } from "./segment.ts";

/** The segments in the order of the log, oldest first; the last one is written to. */
export class SegmentTable {
  #list: Segment[] = [];
  #near: Segment | null = null;
  #nearEnd = 0;

  get list(): readonly Segment[] {
    return this.#list;
  }

  get active(): Segment | null {
    return this.#list.at(-1) ?? null;
  }

  /** Appends a segment whose first batch gets the address `first`. */
  add(segment: Segment): void {
    this.#list.push(segment);
    this.#near = null;
  }

  /** Puts `segment` right behind `older`. */
  insertBehind(older: Segment, segment: Segment): void {
    this.#list.splice(this.#list.indexOf(older) + 1, 0, segment);
    this.#near = null;
  }

  remove(segment: Segment): void {
    this.#list.splice(this.#list.indexOf(segment), 1);
    this.#near = null;
  }

  /** The segment with the record at `address`. */
  find(address: number): Segment {
    const near = this.#near;
    if (near !== null && address >= near.first && address < this.#nearEnd) return near;
    let low = 0;
    let high = this.#list.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#list[middle] as Segment).first <= address) low = middle;
      else high = middle - 1;
    }
    const found = this.#list[low];
    if (found === undefined) throw new Error(`no segment holds address ${address}`);
    this.#near = found;
    this.#nearEnd = this.#list[low + 1]?.first ?? Number.POSITIVE_INFINITY;
    return found;
  }
}
