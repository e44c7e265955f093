import { parsePattern } from "./parse-pattern.ts";
import { PatternError } from "./pattern-error.ts";
import { type Instruction, programOf } from "./pattern-program.ts";
import { follow, scratchSteps } from "./pattern-steps.ts";
import { matchByStates } from "./state-match.ts";

/** The longest pattern that may be set, in UTF-16 units. Placeholders are filled in behind this check. */
export const patternLengthMax = 1024;

/** From this length on a text may be worth the states of an automaton. */
const longTextLength = 128;

/**
 * A regular expression whose time is bounded by the text's length times the pattern's, whatever both are: all ways to match
 * are followed at the same time (Thompson and Pike), so none is ever tried again. JavaScript's own expressions go back, and
 * a name of 31 letters kept `(a+)+$` busy for seconds. It says yes or no and nothing else, so no captures are kept.
 */
export class LinearPattern {
  readonly #program: readonly Instruction[];
  readonly #matchesAll: boolean;
  readonly #hasWordBoundary: boolean;

  /** Throws PatternError. */
  constructor(pattern: string) {
    this.#matchesAll = pattern === ".*" || pattern === "^.*" || pattern === "";
    this.#program = programOf(pattern, parsePattern(pattern));
    this.#hasWordBoundary = this.#program.some(
      (instruction) => instruction.kind === "assertion" && instruction.assertion.endsWith("word-boundary"),
    );
  }

  /** True where the pattern matches anywhere in `text`. */
  test(text: string): boolean {
    if (this.#matchesAll) return true;
    const byStates = text.length >= longTextLength && !this.#hasWordBoundary;
    return (byStates ? matchByStates(this.#program, text) : null) ?? this.#testBySteps(text);
  }

  #testBySteps(text: string): boolean {
    const program = this.#program;
    let [current, next] = scratchSteps;
    current.count = 0;
    let before = -1;
    for (let at = 0; ; ) {
      const codePoint = text.codePointAt(at) ?? -1;
      // A match may begin here.
      if (follow(program, current, 0, before, codePoint)) return true;
      if (codePoint === -1) return false;
      at += codePoint > 0xffff ? 2 : 1;
      const after = text.codePointAt(at) ?? -1;
      next.count = 0;
      for (let index = 0; index < current.count; index++) {
        const step = current.steps[index] as number;
        const instruction = program[step] as Instruction;
        if (instruction.kind !== "set" || !instruction.set.has(codePoint)) continue;
        if (follow(program, next, step + 1, codePoint, after)) return true;
      }
      [current, next] = [next, current];
      before = codePoint;
    }
  }
}

/** Throws PatternError where the text is no pattern, or one that may not be set. */
export function checkPattern(pattern: string): void {
  if (pattern.length > patternLengthMax) {
    throw new PatternError(pattern, `it is longer than ${patternLengthMax} characters`);
  }
  new LinearPattern(pattern);
}
