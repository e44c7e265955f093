import type { Turn, TurnWaiter } from "./turn.ts";

/** Something that is done in many steps: each `next` is one of them, about as long as a delivery takes. */
export type Steps<Result = void> = Iterator<void, Result>;

/** Steps that an act does in one go whatever the turn's time: what is small is over when the call returns. */
const stepsAtOnce = 256;

/**
 * One act of one client that may be too long for a turn of the event loop. Its first steps are done at once, and the rest
 * in slices: while the turn's budget lasts, then again when those before it in the line have had their turn.
 *
 * What others do meanwhile comes between two steps, so whoever writes the steps sees to it that they may.
 */
class LongAct<Result = void> implements TurnWaiter {
  readonly #turn: Turn;
  readonly #steps: Steps<Result>;
  #resolve: ((result: Result) => void) | null = null;
  #reject: ((error: unknown) => void) | null = null;

  constructor(turn: Turn, steps: Steps<Result>) {
    this.#turn = turn;
    this.#steps = steps;
  }

  /** Returns the result where that is there at once, otherwise a promise of it. Throws what one of the first steps throws. */
  begin(): Result | Promise<Result> {
    for (let count = stepsAtOnce; count > 0; count--) {
      const step = this.#steps.next();
      if (step.done === true) return step.value;
    }
    const { budget } = this.#turn;
    while (budget.take()) {
      const step = this.#steps.next();
      if (step.done === true) return step.value;
    }
    this.#turn.longActs++;
    this.#turn.wait(this);
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  takeTurn(): void {
    const { budget } = this.#turn;
    try {
      do {
        const step = this.#steps.next();
        if (step.done === true) {
          this.#turn.longActs--;
          this.#resolve?.(step.value);
          return;
        }
      } while (budget.take());
    } catch (error) {
      this.#turn.longActs--;
      this.#reject?.(error);
      return;
    }
    this.#turn.wait(this);
  }
}

/** Does `steps`, in slices where they are many: see `LongAct`. */
export function inSlices<Result = void>(turn: Turn, steps: Steps<Result>): Result | Promise<Result> {
  return new LongAct(turn, steps).begin();
}
