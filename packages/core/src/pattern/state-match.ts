import type { Instruction } from "./pattern-program.ts";
import { follow, scratchSteps, type StepSet } from "./pattern-steps.ts";

/** All steps that an automaton is at, as one state, and where each character leads that was met; null is a match. */
interface MatchState {
  readonly steps: Uint16Array;
  readonly next: Map<number, MatchState | null>;
}

/** States of one test: beyond them they come so seldom again that remembering them is in vain. */
const statesMax = 2048;
/** Some character that is not the end of the text: which one matters to word boundaries alone. */
const someCharacter = 0x20;

/**
 * Matches by states that are made when they are met (a lazy deterministic automaton). A long text leads through the same few
 * again and again, and each character costs a look into a map instead of a walk over all steps: a client chooses text and,
 * by its client id, pattern. Null where the states are too many; not for patterns with word boundaries.
 */
export function matchByStates(program: readonly Instruction[], text: string): boolean | null {
  const [first] = scratchSteps;
  first.count = 0;
  // A text that is worth it is not empty.
  if (follow(program, first, 0, -1, someCharacter)) return true;
  const states = new Map<string, MatchState>();
  let state = stateOf(first, states);
  for (let at = 0; at < text.length; ) {
    const codePoint = text.codePointAt(at) as number;
    at += codePoint > 0xffff ? 2 : 1;
    let next = state.next.get(codePoint);
    if (next === undefined) {
      if (states.size > statesMax) return null;
      next = advanced(program, state, codePoint, states);
      state.next.set(codePoint, next);
    }
    if (next === null) return true;
    state = next;
  }
  return endsIn(program, state);
}

function advanced(
  program: readonly Instruction[],
  state: MatchState,
  codePoint: number,
  states: Map<string, MatchState>,
): MatchState | null {
  const [, next] = scratchSteps;
  next.count = 0;
  for (const step of state.steps) {
    const instruction = program[step] as Instruction;
    if (instruction.kind !== "set" || !instruction.set.has(codePoint)) continue;
    if (follow(program, next, step + 1, codePoint, someCharacter)) return null;
  }
  // A match may begin behind each character.
  return follow(program, next, 0, codePoint, someCharacter) ? null : stateOf(next, states);
}

/** True where a pattern in this state matches at the end of the text: what waited for the end goes on. */
function endsIn(program: readonly Instruction[], { steps }: MatchState): boolean {
  const [, next] = scratchSteps;
  next.count = 0;
  return steps.some((step) => {
    const instruction = program[step] as Instruction;
    const waits = instruction.kind === "assertion" && instruction.assertion === "end";
    return waits && follow(program, next, step, someCharacter, -1);
  });
}

function stateOf(found: StepSet, states: Map<string, MatchState>): MatchState {
  const steps = found.steps.slice(0, found.count).sort();
  const name = Buffer.from(steps.buffer).toString("latin1");
  let state = states.get(name);
  if (state === undefined) states.set(name, (state = { steps, next: new Map() }));
  return state;
}
