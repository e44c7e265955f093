import { isWordCharacter } from "./character-set.ts";
import { parsePattern } from "./parse-pattern.ts";
import type { Assertion } from "./pattern-node.ts";
import { PatternError } from "./pattern-error.ts";
import { type Instruction, patternStepsMax, programOf } from "./pattern-program.ts";

/** The longest pattern that may be set, in UTF-16 units. Placeholders are filled in behind this check. */
export const patternLengthMax = 1024;

/** The steps that an automaton is at, each once, in constant time. */
class StepSet {
  readonly steps: Uint16Array = new Uint16Array(patternStepsMax);
  count = 0;
  readonly #places = new Uint16Array(patternStepsMax);

  /** False where it was there. */
  add(step: number): boolean {
    const place = this.#places[step] as number;
    if (place < this.count && this.steps[place] === step) return false;
    this.#places[step] = this.count;
    this.steps[this.count++] = step;
    return true;
  }
}

// Scratch for all patterns: a test runs to its end before another one begins.
const steps: readonly [StepSet, StepSet] = [new StepSet(), new StepSet()];
const pending: number[] = [];

/**
 * A regular expression whose time is bounded by the text's length times the pattern's, whatever both are: all ways to match
 * are followed at the same time (Thompson and Pike), so none is ever tried again. JavaScript's own expressions go back, and
 * a name of 31 letters kept `(a+)+$` busy for seconds. It says yes or no and nothing else, so no captures are kept.
 */
export class LinearPattern {
  readonly #program: readonly Instruction[];
  readonly #matchesAll: boolean;

  /** Throws PatternError. */
  constructor(pattern: string) {
    this.#matchesAll = pattern === ".*" || pattern === "^.*" || pattern === "";
    this.#program = programOf(pattern, parsePattern(pattern));
  }

  /** True where the pattern matches anywhere in `text`. */
  test(text: string): boolean {
    if (this.#matchesAll) return true;
    let [current, next] = steps;
    current.count = 0;
    let before = -1;
    for (let at = 0; ; ) {
      const codePoint = text.codePointAt(at) ?? -1;
      // A match may begin here.
      if (this.#follow(current, 0, before, codePoint)) return true;
      if (codePoint === -1) return false;
      at += codePoint > 0xffff ? 2 : 1;
      const after = text.codePointAt(at) ?? -1;
      next.count = 0;
      for (let index = 0; index < current.count; index++) {
        const step = current.steps[index] as number;
        const instruction = this.#program[step] as Instruction;
        if (instruction.kind !== "set" || !instruction.set.has(codePoint)) continue;
        if (this.#follow(next, step + 1, codePoint, after)) return true;
      }
      [current, next] = [next, current];
      before = codePoint;
    }
  }

  /** Adds what can be reached from `step` without a character; true where that is the end of the pattern. */
  #follow(found: StepSet, from: number, before: number, after: number): boolean {
    pending.length = 0;
    pending.push(from);
    for (let step = pending.pop(); step !== undefined; step = pending.pop()) {
      if (!found.add(step)) continue;
      const instruction = this.#program[step] as Instruction;
      switch (instruction.kind) {
        case "match":
          return true;
        case "jump":
          pending.push(instruction.to);
          break;
        case "split":
          pending.push(instruction.second, instruction.first);
          break;
        case "assertion":
          if (holds(instruction.assertion, before, after)) pending.push(step + 1);
          break;
        default:
      }
    }
    return false;
  }
}

function holds(assertion: Assertion, before: number, after: number): boolean {
  switch (assertion) {
    case "start":
      return before === -1;
    case "end":
      return after === -1;
    default:
      return (isWordCharacter(before) !== isWordCharacter(after)) === (assertion === "word-boundary");
  }
}

/** Throws PatternError where the text is no pattern, or one that may not be set. */
export function checkPattern(pattern: string): void {
  if (pattern.length > patternLengthMax) {
    throw new PatternError(pattern, `it is longer than ${patternLengthMax} characters`);
  }
  new LinearPattern(pattern);
}
