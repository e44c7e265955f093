import type { Clock } from "./clock.ts";
import type { Logger, LogFields } from "./logger.ts";

/** Where something may fail alone, as the metrics name it. */
export type FailurePlace =
  | "timer"
  | "turn"
  | "outbox"
  | "storage"
  | "page-in"
  | "recovery"
  | "delivery"
  | "dead-letter"
  | "alarm"
  | "socket"
  | "session"
  | "background";

const logEveryMs = 1000;

/**
 * What keeps a failure of one thing from being the failure of all. Whoever calls many on behalf of many (timers, ends of
 * turns, callbacks of a store or of sockets) gives here what one of them threw, ends that one, and goes on:
 *
 *     surprise ──▶ failed(place, error)   a log line and a counter; the one at hand is parked, refused or closed
 *             └──▶ broken(reason, error)  a promise cannot be kept any more: the broker ends in order
 *
 * It takes exceptions that should not be. What a peer caused is a `BrokerError`, and answered.
 */
export class Containment {
  /** How often a fault of the broker ended one thing alone, by place. */
  readonly counts: Record<FailurePlace, number> = {
    timer: 0,
    turn: 0,
    outbox: 0,
    storage: 0,
    "page-in": 0,
    recovery: 0,
    delivery: 0,
    "dead-letter": 0,
    alarm: 0,
    socket: 0,
    session: 0,
    background: 0,
  };
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #onBroken: (error: Error) => void;
  /** By place: when it was logged last, and how many failures have not been since. */
  readonly #logged = new Map<FailurePlace, { atMs: number; silent: number }>();
  #broken = false;

  /** `onBroken` is called once, and ends the broker in order. */
  constructor(clock: Clock, logger: Logger, onBroken: (error: Error) => void) {
    this.#clock = clock;
    this.#logger = logger;
    this.#onBroken = onBroken;
  }

  /** One thing failed, and whoever calls this has ended it. Never throws. One log line a second and place. */
  failed(place: FailurePlace, error: unknown, fields: LogFields = {}): void {
    this.counts[place]++;
    const nowMs = this.#clock.monotonicMs();
    const logged = this.#logged.get(place);
    if (logged !== undefined && nowMs - logged.atMs < logEveryMs) {
      logged.silent++;
      return;
    }
    const unlogged = logged?.silent ?? 0;
    this.#logged.set(place, { atMs: nowMs, silent: 0 });
    this.#log(
      { ...fields, place, unlogged, ...describe(error) },
      "a fault of the broker ended one thing alone, and all else goes on",
    );
  }

  /** Calls `work`; what it throws is counted against `place`, and told to `end`, whose own failure counts too. */
  run(place: FailurePlace, work: () => void, end?: (error: unknown) => void): void {
    try {
      work();
    } catch (error) {
      this.failed(place, error);
      if (end !== undefined) this.run(place, () => end(error));
    }
  }

  /** For a promise that nobody waits for: what it rejects with is counted against `place`. */
  watch(place: FailurePlace, work: Promise<unknown>, end?: (error: unknown) => void): void {
    work.catch((error: unknown) => {
      this.failed(place, error);
      if (end !== undefined) this.run(place, () => end(error));
    });
  }

  /** What was promised cannot be kept by going on. Ends the broker in order, `reason` says why. Never throws. */
  broken(reason: string, error: unknown): void {
    this.#log({ ...describe(error) }, `${reason}: the broker ends`);
    if (this.#broken) return;
    this.#broken = true;
    // Not from inside of what is broken.
    setImmediate(() => this.#onBroken(new Error(reason, { cause: error })));
  }

  #log(fields: LogFields, text: string): void {
    try {
      this.#logger.error(fields, text);
    } catch {
      // A logger that fails cannot be told about.
    }
  }
}

function describe(error: unknown): LogFields {
  if (error instanceof Error) return { error: error.message, stack: error.stack };
  return { error: String(error) };
}
