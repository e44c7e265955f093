import type { Clock, Timer } from "@jackalope/core/storage";

interface FakeTimer extends Timer {
  readonly dueMs: number;
  readonly run: () => void;
}

/**
 * Time that stands still until a test advances it. Starts at 2026-01-01T00:00:00Z, so that times look like times in a
 * failure's output.
 */
export class FakeClock implements Clock {
  onFailure: ((error: unknown) => void) | null = null;
  #nowMs: number;
  /** In the order of `after`; few, so a scan is fine. */
  #timers: FakeTimer[] = [];

  constructor(startMs: number = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const timer: FakeTimer = {
      dueMs: this.#nowMs + Math.max(delayMs, 0),
      run,
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
    this.#timers.push(timer);
    return timer;
  }

  close(): void {
    this.#timers = [];
  }

  /** Timers that wait. */
  get pendingCount(): number {
    return this.#timers.length;
  }

  /**
   * Moves time forward by `ms` and runs what falls due on the way, in order of due time and then of `after`, each at its
   * own time; a call may set further timers, which run too where they fall due within the same `ms`.
   */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      next.cancel();
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      try {
        next.run();
      } catch (error) {
        if (this.onFailure === null) throw error;
        this.onFailure(error);
      }
    }
    this.#nowMs = endMs;
  }

  /** Lets time pass as it does for a process that is stopped: what falls due runs at the next `advance`. */
  stand(ms: number): void {
    this.#nowMs += ms;
  }

  #next(endMs: number): FakeTimer | undefined {
    let first: FakeTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs <= endMs && (first === undefined || timer.dueMs < first.dueMs)) first = timer;
    }
    return first;
  }
}
