import { isWordCharacter } from "./character-set.ts";
import type { Assertion } from "./pattern-node.ts";
import { type Instruction, patternStepsMax } from "./pattern-program.ts";

/** The steps that an automaton is at, each once, in constant time. */
export class StepSet {
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

/** Scratch for all patterns: a test runs to its end before another one begins. */
export const scratchSteps: readonly [StepSet, StepSet] = [new StepSet(), new StepSet()];
const pending: number[] = [];

/**
 * Adds to `found` what can be reached from a step without a character, between the code points `before` and `after`, of which
 * -1 is the end of the text; true where that is the end of the pattern.
 */
export function follow(
  program: readonly Instruction[],
  found: StepSet,
  from: number,
  before: number,
  after: number,
): boolean {
  pending.length = 0;
  pending.push(from);
  for (let step = pending.pop(); step !== undefined; step = pending.pop()) {
    if (!found.add(step)) continue;
    const instruction = program[step] as Instruction;
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
