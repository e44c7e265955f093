const firstLength = 4096;

/** A small count for each sequence number: millions of them fit. Counts end at 255. */
export class Counts {
  #counts = new Uint8Array(firstLength);

  get(sequence: number): number {
    return this.#counts[sequence] ?? 0;
  }

  add(sequence: number): number {
    if (sequence >= this.#counts.length) {
      const longer = new Uint8Array(Math.max(sequence + 1, this.#counts.length * 2));
      longer.set(this.#counts);
      this.#counts = longer;
    }
    const count = Math.min(255, this.get(sequence) + 1);
    this.#counts[sequence] = count;
    return count;
  }
}
