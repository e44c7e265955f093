import type { Clock } from "./clock.ts";
import type { Containment, FailurePlace } from "./containment.ts";
import { defaultLimits } from "./limits.ts";
import { OutboxRoom } from "./outbox-room.ts";
import { TurnBudget } from "./turn-budget.ts";
import { WaitingLine } from "./waiting-line.ts";

/** Something with work left for the end of the turn. */
export interface TurnTask {
  endTurn(): void;
  /** `endTurn` threw: ends what cannot go on. Others go on. */
  failed?(error: unknown): void;
}

/** Says before bytes leave whether what was decided in this turn still holds. */
export interface TurnGuard {
  mayLeave(): boolean;
}

/** What has bytes for a client. */
export interface TurnOutbox extends TurnTask {
  /** Hands over what is gathered, without waiting for the end of the turn; false where it may not leave for now. */
  flush(): boolean;
  /** Lets go what it was told to keep. */
  release(): void;
  /** Forgets its bytes, and the connection with them. */
  drop(): void;
}

/** Something with more to do than one turn has time for. */
export interface TurnWaiter {
  /** Goes on while `Turn.budget` lasts, and calls `Turn.wait` again where that was not enough. */
  takeTurn(): void;
  /** `takeTurn` threw: ends what cannot go on. Others go on. */
  failed?(error: unknown): void;
}

/** Outboxes with something to say, beyond which an answer does not wait for its place among them. */
const crowdedOutboxes = 64;
/** What the background has of a budget while somebody waits for a turn. */
const backgroundShare = 0.25;
/** How long many outboxes gather more while clients wait for a turn: a system call for each of them costs a turn's time. */
const gatherMs = 4;

/**
 * A turn of the event loop, and its end: storage commits first, sockets after. Node runs the 'data' callbacks of many
 * sockets in one poll phase and setImmediate callbacks right behind it, so one immediate gathers a turn's I/O.
 *
 *     poll phase: data, data, data   |   check phase: who waited for a turn, storage tasks, then outboxes
 *
 * Both phases have a budget. Who has more to do than it allows stands in a line, and goes on in a later turn when those
 * before it have had theirs: timers, new connections and clients with little to say come in between. Nobody in the line
 * gets a turn while outboxes are left over from the turn before: what makes more of them waits for the sockets.
 */
export class Turn {
  /** What this turn may still do. */
  readonly budget: TurnBudget;
  /** Shared by the outboxes. */
  readonly outboxRoom: OutboxRoom;
  /** Counts the turns. */
  number = 0;
  readonly #clock: Clock | null;
  /** Acts under way that are done in slices: see `LongAct`. */
  longActs = 0;
  readonly #flushBudget: TurnBudget;
  #flushedAtMs = 0;
  readonly #waiting = new WaitingLine<TurnWaiter>();
  /** Those who ask for little. */
  readonly #hurried = new WaitingLine<TurnWaiter>();
  /** What nobody waits for. */
  readonly #background = new WaitingLine<TurnWaiter>();
  #storage: TurnTask[] = [];
  #outboxes: TurnOutbox[] = [];
  /** `#outboxes` begins with some that the last turn had no time for. */
  #behind = false;
  /** Null where nothing can come between a decision and its way out. */
  guard: TurnGuard | null = null;
  /** Takes what a task throws; without it the first one ends the turn. */
  containment: Containment | null = null;
  /** Ended behind everything else, in every turn that has an end: it sees what the turn has cost. */
  watch: TurnTask | null = null;
  readonly #kept = new Set<TurnOutbox>();
  /** Nothing of this turn may leave. */
  #keeps = false;
  #scheduled = false;
  /** Nobody gets a turn any more. */
  #forgetful = false;
  readonly #run: () => void = () => this.end();

  /** Without a clock a turn may take as long as it wants. */
  constructor(
    clock: Clock | null = null,
    budgetMs: number = defaultLimits.turnBudgetMs,
    outboxRoom: OutboxRoom = new OutboxRoom(),
  ) {
    this.#clock = clock;
    this.outboxRoom = outboxRoom;
    this.budget = new TurnBudget(clock, budgetMs);
    this.#flushBudget = new TurnBudget(clock, budgetMs);
  }

  /** True while bytes of an earlier turn wait to be handed to their sockets. */
  get behind(): boolean {
    return this.#behind;
  }

  /** True where many outboxes have something to say: a short answer had better be flushed by itself. */
  get crowded(): boolean {
    return this.#outboxes.length > crowdedOutboxes;
  }

  /** Calls `waiter.takeTurn` once, when it is its turn. */
  wait(waiter: TurnWaiter): void {
    this.#stand(this.#waiting, waiter);
  }

  /** As `wait`, before all those. For who asks for little. */
  waitBriefly(waiter: TurnWaiter): void {
    this.#stand(this.#hurried, waiter);
  }

  /** As `wait`, in a line of its own that has a smaller part of each turn: for what nobody waits for, however much it is. */
  waitInBackground(waiter: TurnWaiter): void {
    this.#stand(this.#background, waiter);
  }

  /** Milliseconds by a clock that is never set; 0 where there is no clock. */
  nowMs(): number {
    return this.#clock === null ? 0 : this.#clock.monotonicMs();
  }

  /** Calls `task.endTurn` at the end of this turn, before any outbox. The caller sees to it that it asks once a turn. */
  storageDirty(task: TurnTask): void {
    this.#storage.push(task);
    this.#schedule();
  }

  /** Calls `outbox.endTurn` at the end of this turn, after storage. The caller sees to it that it asks once a turn. */
  outboxDirty(outbox: TurnOutbox): void {
    this.#outboxes.push(outbox);
    this.#schedule();
  }

  /** Ends the turn now. Tests and the clean shutdown call it; the event loop does otherwise. */
  end(): void {
    this.#scheduled = false;
    this.number++;
    const othersWait = this.#waiting.length > 0;
    this.#giveTurns(this.#hurried, 1);
    if (!this.#behind) this.#giveTurns(this.#waiting, 1);
    this.#giveTurns(this.#background, othersWait ? backgroundShare : 1);
    // A task may dirty another one (a confirm reaches an outbox, a failed commit closes a channel), hence the loops.
    this.#flushBudget.renew();
    const gathers = this.#gathers();
    let behind = false;
    while (this.#storage.length > 0 || (this.#outboxes.length > 0 && !behind && !gathers)) {
      const storage = this.#storage;
      this.#storage = [];
      for (const task of storage) this.#endTask(task);
      if (!gathers) behind = this.#flushOutboxes();
    }
    this.#behind = behind;
    if (this.watch !== null) this.#endTask(this.watch);
    this.#keeps = false;
    this.budget.renew();
    const waiting = this.#waiting.length + this.#hurried.length + this.#background.length;
    if (behind || waiting > 0) this.#schedule();
  }

  /**
   * Resolves when no long act is under way: at the end nobody else is waiting. After `boundMs` what still is under way is
   * forgotten, as it would be in a crash. Returns how many acts that were.
   */
  async finishActs(boundMs: number = Number.POSITIVE_INFINITY): Promise<number> {
    const beganAtMs = this.nowMs();
    while (this.longActs > 0) {
      this.end();
      // An act may wait for a disk or a peer, and timers, sockets and probes of the process are served meanwhile.
      await new Promise((resolve) => void setImmediate(resolve));
      if (this.longActs > 0 && this.nowMs() - beganAtMs >= boundMs) return this.#forgetActs();
    }
    return 0;
  }

  #forgetActs(): number {
    const forgotten = this.longActs;
    this.longActs = 0;
    this.#forgetful = true;
    for (const line of [this.#hurried, this.#waiting, this.#background]) line.clear();
    return forgotten;
  }

  // Each fails alone: what others gathered in this turn is theirs.

  #endTask(task: TurnTask): void {
    try {
      task.endTurn();
    } catch (error) {
      this.#contain("turn", error, () => task.failed?.(error));
    }
  }

  #endOutbox(outbox: TurnOutbox): void {
    try {
      outbox.endTurn();
    } catch (error) {
      this.#contain("outbox", error, () => outbox.drop());
    }
  }

  #leave(outbox: TurnOutbox, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#contain("outbox", error, () => outbox.drop());
    }
  }

  #contain(place: FailurePlace, error: unknown, end: () => void): void {
    if (this.containment === null) throw error;
    this.containment.failed(place, error);
    this.containment.run(place, end);
  }

  /** Lets go what has been gathered in this turn so far. */
  flush(): void {
    for (const outbox of this.#outboxes) this.#leave(outbox, () => outbox.flush());
  }

  /** Asked whenever bytes are about to leave: false where they have to be handed to `keep` instead. */
  mayLeave(): boolean {
    if (this.guard === null) return true;
    return !this.#keeps && this.guard.mayLeave();
  }

  /** Nothing leaves any more before the end of this turn. */
  keepBytes(): void {
    this.#keeps = true;
    this.#schedule();
  }

  /** Takes what may not leave until `releaseKept` or `dropKept`. */
  keep(outbox: TurnOutbox): void {
    this.#kept.add(outbox);
  }

  releaseKept(): void {
    this.#keeps = false;
    const kept = [...this.#kept];
    this.#kept.clear();
    for (const outbox of kept) this.#leave(outbox, () => outbox.release());
  }

  /** Drops what is kept, with all that this turn has gathered so far where that is to be kept. What comes now may leave. */
  dropKept(): void {
    const dropped = [...this.#kept, ...(this.#keeps ? this.#outboxes : [])];
    this.#kept.clear();
    for (const outbox of dropped) this.#leave(outbox, () => outbox.drop());
    this.#keeps = false;
  }

  #stand(line: WaitingLine<TurnWaiter>, waiter: TurnWaiter): void {
    if (this.#forgetful) return;
    line.push(waiter);
    this.#schedule();
  }

  /** One after the other until the time is over. Who comes to wait meanwhile is not before the next turn. */
  #giveTurns(line: WaitingLine<TurnWaiter>, share: number): void {
    if (line.length === 0) return;
    this.budget.renew(share);
    for (let count = line.length; count > 0; count--) {
      this.#giveTurn(line.shift() as TurnWaiter);
      if (this.budget.spent) return;
    }
  }

  /** Whether the outboxes of this turn had better leave with those of the next. */
  #gathers(): boolean {
    if (this.#clock === null || this.#waiting.length === 0 || !this.crowded || this.#behind) return false;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#flushedAtMs < gatherMs) return true;
    this.#flushedAtMs = nowMs;
    return false;
  }

  #giveTurn(waiter: TurnWaiter): void {
    try {
      waiter.takeTurn();
    } catch (error) {
      this.#contain("turn", error, () => waiter.failed?.(error));
    }
  }

  /** True where the time was over before every outbox was asked. */
  #flushOutboxes(): boolean {
    const outboxes = this.#outboxes;
    this.#outboxes = [];
    for (let index = 0; index < outboxes.length; index++) {
      this.#endOutbox(outboxes[index] as TurnOutbox);
      // A system call each: the clock is looked at every time.
      if (this.#flushBudget.timeIsOver && index + 1 < outboxes.length) {
        this.#outboxes = [...outboxes.slice(index + 1), ...this.#outboxes];
        return true;
      }
    }
    return false;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#run);
  }
}
