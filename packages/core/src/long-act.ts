import type { Turn, TurnWaiter } from "./turn.ts";

/**
 * Something that is done in many steps: each `next` is one of them, about as long as a delivery takes. What yields a
 * promise goes on when that has ended, whichever way.
 */
export type Steps<Result = void> = Iterator<void | Promise<unknown>, Result>;

/** What goes on in later turns; null in its place says that everything is over. */
export interface UnderWay {
  /** Resolves at the end. */
  readonly over: Promise<void>;
}

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
  readonly #inBackground: boolean;
  #resolve: ((result: Result) => void) | null = null;
  #reject: ((error: unknown) => void) | null = null;

  constructor(turn: Turn, steps: Steps<Result>, inBackground: boolean) {
    this.#turn = turn;
    this.#steps = steps;
    this.#inBackground = inBackground;
  }

  /** Returns the result where that is there at once, otherwise a promise of it. Throws what one of the first steps throws. */
  begin(): Result | Promise<Result> {
    for (let count = stepsAtOnce; count > 0; count--) {
      const step = this.#steps.next();
      if (step.done === true) return step.value;
      if (step.value instanceof Promise) return this.#goOnBehind(step.value);
    }
    const { budget } = this.#turn;
    // Whoever begins a hundred of them in a row had better be through with that first.
    while (!this.#inBackground && budget.take()) {
      const step = this.#steps.next();
      if (step.done === true) return step.value;
      if (step.value instanceof Promise) return this.#goOnBehind(step.value);
    }
    return this.#goOnBehind(null);
  }

  /** Goes on in later turns, behind `first` where that is there. */
  #goOnBehind(first: Promise<unknown> | null): Promise<Result> {
    this.#turn.longActs++;
    if (first === null) this.#wait();
    else this.#waitFor(first);
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  #wait(): void {
    if (this.#inBackground) this.#turn.waitInBackground(this);
    else this.#turn.wait(this);
  }

  #waitFor(other: Promise<unknown>): void {
    const goOn = (): void => this.#wait();
    other.then(goOn, goOn);
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
        if (step.value instanceof Promise) {
          this.#waitFor(step.value);
          return;
        }
      } while (budget.take());
    } catch (error) {
      this.#turn.longActs--;
      this.#reject?.(error);
      return;
    }
    this.#wait();
  }
}

/** Does `steps`, in slices where they are many: see `LongAct`. */
export function inSlices<Result = void>(turn: Turn, steps: Steps<Result>): Result | Promise<Result> {
  return new LongAct(turn, steps, false).begin();
}

/** As `inSlices`, for what no client waits for: a thousand of them are not before the clients. */
export function inBackgroundSlices<Result = void>(turn: Turn, steps: Steps<Result>): Result | Promise<Result> {
  return new LongAct(turn, steps, true).begin();
}
