import type { Clock } from "./clock.ts";

/**
 * A point in time that has passed as soon as one of two clocks says so. The monotonic clock stands still while the
 * machine sleeps, and the wall clock may be set back: what must not be believed too long asks both.
 */
export class Deadline {
  /** How far it was away at first, in milliseconds. */
  readonly lengthMs: number;
  readonly #clock: Clock;
  readonly #monotonicMs: number;
  readonly #wallMs: number;

  constructor(clock: Clock, lengthMs: number) {
    this.lengthMs = lengthMs;
    this.#clock = clock;
    this.#monotonicMs = clock.monotonicMs() + lengthMs;
    this.#wallMs = clock.nowMs() + lengthMs;
  }

  get passed(): boolean {
    return this.#clock.monotonicMs() >= this.#monotonicMs || this.#clock.nowMs() >= this.#wallMs;
  }

  /** Milliseconds that are left; negative where it has passed. */
  get remainingMs(): number {
    return Math.min(this.#monotonicMs - this.#clock.monotonicMs(), this.#wallMs - this.#clock.nowMs());
  }
}
