import type { Clock, Timer } from "./clock.ts";
import type { Containment } from "./containment.ts";
import type { Deadline } from "./deadline.ts";
import type { Logger } from "./logger.ts";
import type { Turn, TurnGuard } from "./turn.ts";

/** A lease is doubted before its end by this part of its length, so that what leaves in time has left. */
const marginPart = 1 / 8;

/**
 * Whether the store is certainly still this broker's. An engine that can be taken over says for how long it is not; past
 * that, what the queues hold may have been delivered and settled elsewhere, and must not go out again:
 *
 *     renewed            renewed            margin  end
 *     |--- certain ------|--- certain ------|~~~~~~~|          queues that store hand out nothing from the margin on
 *                                   |== process stopped ==|    it wakes up past the end: the turn in which that is
 *                                                              noticed keeps its bytes, see `mayLeave`
 *
 * A renewal ends the doubt: what was kept leaves, and the queues go on. The loss of the store makes it last: what was
 * kept is dropped with its connections. Queues that do not store go on in any case, as nobody else has their messages.
 */
export class Ownership implements TurnGuard {
  /** False while the store may belong to another broker. Looked at for every message: a plain field. */
  certain = true;
  /** Called when the doubt is over. */
  onCertain: () => void = () => undefined;
  readonly #clock: Clock;
  readonly #turn: Turn;
  readonly #logger: Logger;
  readonly #containment: Containment;
  #end: Deadline | null = null;
  #timer: Timer | null = null;
  /** What waits for the end of the doubt. */
  #waiting: (() => void)[] = [];
  #lost = false;

  constructor(clock: Clock, turn: Turn, logger: Logger, containment: Containment) {
    this.#clock = clock;
    this.#turn = turn;
    this.#logger = logger;
    this.#containment = containment;
  }

  /** The store is this broker's alone until `end`. */
  renewed(end: Deadline): void {
    if (this.#lost) return;
    this.#turn.guard = this;
    // An answer that comes after the time it speaks of says nothing; and where it is the first, nothing is certain yet.
    if (end.passed) {
      if (this.#end === null) this.certain = false;
      return;
    }
    this.#end = end;
    this.#timer?.cancel();
    this.#timer = this.#clock.after(end.remainingMs - end.lengthMs * marginPart, () => this.#doubt(end));
    if (!this.certain) this.#resume();
  }

  /** Another broker has the store. */
  lost(): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#timer?.cancel();
    // What this turn has decided so far may be wrong; what comes from now on is goodbye.
    if (this.certain) this.#turn.keepBytes();
    this.certain = false;
    this.#waiting = [];
    this.#turn.dropKept();
  }

  /**
   * As `certain`, but looks at the clock: for what is rare, and may reach a client in a later turn than the one that
   * decides it.
   */
  check(): boolean {
    this.mayLeave();
    return this.certain;
  }

  /** Calls `run` when the doubt is over, before queues go on; never where the store is lost. */
  whenCertain(run: () => void): void {
    if (!this.#lost) this.#waiting.push(run);
  }

  // TurnGuard

  /** Asked before bytes leave: a process that was stopped does not know it, but the clock does. */
  mayLeave(): boolean {
    if (!this.certain || this.#end === null || !this.#end.passed) return true;
    this.#lapse();
    return false;
  }

  #doubt(end: Deadline): void {
    if (!this.certain) return;
    if (end.passed) return this.#lapse();
    // What was decided before leaves before: a process that is stopped from here on would not look at it again.
    this.#turn.flush();
    if (!this.certain) return;
    this.certain = false;
    this.#logger.warn({}, "the lease was not renewed in time: stored messages are not handed out until it is");
  }

  /** What this turn has decided may rest on what is no longer true. */
  #lapse(): void {
    this.certain = false;
    this.#turn.keepBytes();
    this.#logger.warn({}, "the lease ended unnoticed: stored messages are not handed out until it is renewed");
  }

  #resume(): void {
    this.certain = true;
    this.#logger.info({}, "the lease is renewed: stored messages are handed out again");
    this.#turn.releaseKept();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const run of waiting) this.#containment.run("storage", run);
    this.#containment.run("storage", this.onCertain);
  }
}
