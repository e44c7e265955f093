/** A pending call; `cancel` is idempotent. */
export interface Timer {
  cancel(): void;
}

/**
 * Time as the broker sees it. The system clock runs the server; testkit's FakeClock is advanced by hand and drives TTL,
 * expiry, delays and heartbeats in tests.
 */
export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  /** Milliseconds since some moment, by a clock that is never set. */
  monotonicMs(): number;
  /** Calls `run` once, `delayMs` from now or a little later; see the implementation's resolution. */
  after(delayMs: number, run: () => void): Timer;
  /**
   * Takes what a call threw, so that the others go on; the broker on this clock sets it. Without it, it is thrown when all
   * that were due have run.
   */
  onFailure?: ((error: unknown) => void) | null;
  /** Drops every timer. */
  close(): void;
}
