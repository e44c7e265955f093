import type { Clock, Timer } from "./clock.ts";

/** Delays from here up are rounded up to `coarseStepMs`, so that thousands of heartbeats share a wake-up. */
const coarseFromMs = 1000;
const coarseStepMs = 50;
/** Node turns a longer setTimeout into one of 1 ms. */
const nodeTimeoutMsMax = 2 ** 31 - 1;

/** Where a timer that is not in the heap stands. */
const outside = -1;

class HeapTimer implements Timer {
  readonly dueMs: number;
  readonly sequence: number;
  readonly run: () => void;
  readonly #clock: SystemClock;
  /** Place in the clock's heap, kept by the clock. */
  index: number = outside;

  constructor(clock: SystemClock, dueMs: number, sequence: number, run: () => void) {
    this.#clock = clock;
    this.dueMs = dueMs;
    this.sequence = sequence;
    this.run = run;
  }

  cancel(): void {
    if (this.index !== outside) this.#clock.remove(this);
  }
}

/**
 * The clock of a running server: one Node timer, set to the earliest of a binary heap of pending calls. `after` and
 * `cancel` cost a few comparisons with tens of thousands pending and leave no garbage in the heap.
 *
 * Delays below a second are kept to the millisecond, longer ones are up to 50 ms late. They are measured on the
 * monotonic clock, so that a step of the wall clock neither fires nor holds up anything; `nowMs` is the wall clock.
 * The Node timer is unref'd: pending calls do not keep a process alive.
 */
export class SystemClock implements Clock {
  onFailure: ((error: unknown) => void) | null = null;
  readonly #heap: HeapTimer[] = [];
  readonly #onTimeout: () => void = () => this.#fire();
  #nodeTimer: NodeJS.Timeout | null = null;
  #wakeMs = Number.POSITIVE_INFINITY;
  #sequence = 0;

  nowMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  /** Timers that wait. */
  get pendingCount(): number {
    return this.#heap.length;
  }

  after(delayMs: number, run: () => void): Timer {
    const nowMs = performance.now();
    let dueMs = nowMs + (delayMs > 0 ? delayMs : 0);
    if (delayMs >= coarseFromMs) dueMs = Math.ceil(dueMs / coarseStepMs) * coarseStepMs;
    this.#sequence += 1;
    const timer = new HeapTimer(this, dueMs, this.#sequence, run);
    this.#heap.push(timer);
    this.#siftUp(timer, this.#heap.length - 1);
    if (dueMs < this.#wakeMs) this.#arm(nowMs);
    return timer;
  }

  close(): void {
    for (const timer of this.#heap) timer.index = outside;
    this.#heap.length = 0;
    this.#disarm();
  }

  /** For `HeapTimer.cancel`. The Node timer stays as it is: waking once for nothing is cheaper than setting it anew. */
  remove(timer: HeapTimer): void {
    const index = timer.index;
    timer.index = outside;
    const last = this.#heap.pop();
    if (last === undefined || last === timer) return;
    this.#siftDown(last, index);
    if (last.index === index) this.#siftUp(last, index);
  }

  #fire(): void {
    this.#nodeTimer = null;
    this.#wakeMs = Number.POSITIVE_INFINITY;
    const nowMs = performance.now();
    // Calls made by what runs now wait for the next wake-up: a call that sets itself anew with delay 0 starves nobody.
    const sequenceMax = this.#sequence;
    const failures: unknown[] = [];
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.dueMs > nowMs || first.sequence > sequenceMax) break;
      this.remove(first);
      try {
        first.run();
      } catch (error) {
        // One call must not cost the others theirs.
        failures.push(error);
      }
    }
    if (this.#heap.length > 0) this.#arm(performance.now());
    else this.#disarm();
    for (const error of failures) {
      if (this.onFailure === null) throw error;
      this.onFailure(error);
    }
  }

  #arm(nowMs: number): void {
    const first = this.#heap[0];
    if (first === undefined || first.dueMs >= this.#wakeMs) return;
    this.#disarm();
    this.#wakeMs = first.dueMs;
    const delayMs = Math.min(Math.max(Math.ceil(first.dueMs - nowMs), 1), nodeTimeoutMsMax);
    this.#nodeTimer = setTimeout(this.#onTimeout, delayMs);
    this.#nodeTimer.unref();
  }

  #disarm(): void {
    if (this.#nodeTimer !== null) clearTimeout(this.#nodeTimer);
    this.#nodeTimer = null;
    this.#wakeMs = Number.POSITIVE_INFINITY;
  }

  #siftUp(timer: HeapTimer, from: number): void {
    let index = from;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#heap[parentIndex];
      if (parent === undefined || isBefore(parent, timer)) break;
      this.#place(parent, index);
      index = parentIndex;
    }
    this.#place(timer, index);
  }

  #siftDown(timer: HeapTimer, from: number): void {
    let index = from;
    for (;;) {
      const left = this.#heap[2 * index + 1];
      const right = this.#heap[2 * index + 2];
      if (left === undefined) break;
      const child = right !== undefined && isBefore(right, left) ? right : left;
      if (isBefore(timer, child)) break;
      const childIndex = child.index;
      this.#place(child, index);
      index = childIndex;
    }
    this.#place(timer, index);
  }

  #place(timer: HeapTimer, index: number): void {
    this.#heap[index] = timer;
    timer.index = index;
  }
}

function isBefore(one: HeapTimer, other: HeapTimer): boolean {
  return one.dueMs === other.dueMs ? one.sequence < other.sequence : one.dueMs < other.dueMs;
}
