/** How long a client had to wait, each time. */
export class Waits {
  readonly name: string;
  readonly #allMs: number[] = [];
  #sinceMs = 0;
  failure: string | null = null;

  constructor(name: string) {
    this.name = name;
  }

  begin(): void {
    this.#sinceMs = performance.now();
  }

  end(): void {
    this.#allMs.push(performance.now() - this.#sinceMs);
    this.#sinceMs = 0;
  }

  /** Nobody waits any more, and it does not count. */
  drop(): void {
    this.#sinceMs = 0;
  }

  /** The longest, one that is not over included. */
  get longestMs(): number {
    const current = this.#sinceMs === 0 ? 0 : performance.now() - this.#sinceMs;
    return this.#allMs.reduce((longest, wait) => Math.max(longest, wait), current);
  }

  /** The one that ended last; 0 where none has. */
  get lastMs(): number {
    return this.#allMs.at(-1) ?? 0;
  }

  get count(): number {
    return this.#allMs.length;
  }

  percentileMs(share: number): number {
    const sorted = [...this.#allMs].sort((one, other) => one - other);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  }

  clear(): void {
    this.#allMs.length = 0;
  }

  toString(): string {
    const shown = [this.percentileMs(0.5), this.percentileMs(0.99), this.longestMs].map((ms) => ms.toFixed(1));
    return `${this.name} ${shown.join("/")} ms (${this.count})`;
  }
}
