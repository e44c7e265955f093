import type { Clock } from "./clock.ts";

/** Units of work between two looks at the clock: a frame or a delivery takes about half a microsecond. */
const unitsPerLook = 64;

/**
 * How much one turn of the event loop does for clients before it ends, so that whoever else is there gets a turn. Work is
 * counted in units (a frame read, a message handed to a queue or a consumer, a key compared with a binding, some KiB copied),
 * and the clock is looked at every few of them: what counts is time.
 */
export class TurnBudget {
  /** Units until the next look at the clock. Whoever does much at once takes it off here. */
  left = 0;
  readonly #clock: Clock | null;
  readonly #budgetMs: number;
  /** When the time is over; 0 before the first work of the turn. */
  #endMs = 0;
  #share = 1;
  #spent = false;
  /** What is left is all, though the time is not over. */
  #narrow = false;
  /** Taken up to the last time that `left` was set, and what it was set to. */
  #takenBefore = 0;
  #set = 0;

  /** Without a clock it has no end. */
  constructor(clock: Clock | null, budgetMs: number) {
    this.#clock = clock;
    this.#budgetMs = budgetMs;
  }

  /** All units that have ever been taken. */
  get taken(): number {
    return this.#takenBefore + this.#set - this.left;
  }

  /** Takes one unit; false where the turn's time is over. */
  take(): boolean {
    return --this.left > 0 || this.#look();
  }

  /** True where the turn's time is over, without taking anything. */
  get spent(): boolean {
    return this.left <= 0 && !this.#look();
  }

  /** As `spent`, by the clock alone. */
  get timeIsOver(): boolean {
    this.#setLeft(0);
    return !this.#look();
  }

  /** Allows `units` more in a turn whose time is over; false where as much time again has gone by. */
  allow(units: number): boolean {
    if (this.#clock !== null && this.#clock.monotonicMs() >= this.#endMs + this.#budgetMs) return false;
    this.#setLeft(units);
    return true;
  }

  /** Allows `units` of a turn that has time for more, until `endAllowance`. */
  narrow(units: number): void {
    this.#narrow = true;
    this.#setLeft(units);
  }

  /** What is left of an allowance is nobody else's. */
  endAllowance(): void {
    if (this.#spent || this.#narrow) this.#setLeft(0);
    this.#narrow = false;
  }

  /** A turn begins, or a part of one that has this share of the time. */
  renew(share = 1): void {
    this.#share = share;
    this.#setLeft(0);
    this.#endMs = 0;
    this.#spent = false;
    this.#narrow = false;
  }

  #look(): boolean {
    if (this.#spent || this.#narrow) return false;
    if (this.#clock !== null) {
      const nowMs = this.#clock.monotonicMs();
      if (this.#endMs === 0) this.#endMs = nowMs + this.#budgetMs * this.#share;
      else if (nowMs >= this.#endMs) {
        this.#spent = true;
        return false;
      }
    }
    this.#setLeft(unitsPerLook);
    return true;
  }

  #setLeft(units: number): void {
    this.#takenBefore += this.#set - this.left;
    this.#set = units;
    this.left = units;
  }
}

/** For bytes that are read outside of any turn. */
export const endlessBudget: TurnBudget = new TurnBudget(null, 0);
