import { LinearPattern } from "./linear-pattern.ts";

/** Compiled patterns by their text: topic permissions with a client id in them make one for each client. */
export class PatternCache {
  readonly #patternsMax: number;
  readonly #patterns = new Map<string, LinearPattern>();

  /** Keeps up to `patternsMax`; it is emptied when it is full. */
  constructor(patternsMax: number) {
    this.#patternsMax = patternsMax;
  }

  get size(): number {
    return this.#patterns.size;
  }

  /** The compiled pattern. Throws PatternError. */
  compiled(pattern: string): LinearPattern {
    const known = this.#patterns.get(pattern);
    if (known !== undefined) return known;
    const made = new LinearPattern(pattern);
    if (this.#patterns.size >= this.#patternsMax) this.#patterns.clear();
    this.#patterns.set(pattern, made);
    return made;
  }
}
