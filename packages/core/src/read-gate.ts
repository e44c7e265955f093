import type { Outbox } from "./outbox.ts";
import { stopReasons } from "./stop-reasons.ts";
import { endlessBudget, type TurnBudget } from "./turn-budget.ts";
import type { Turn, TurnWaiter } from "./turn.ts";

/** Cuts bytes into frames, and hands them to its session. */
export interface GatedDecoder {
  /** While true, `run` returns after the frame at hand and keeps the rest. */
  stopped: boolean;
  /** True while bytes wait that `run` has not looked at. */
  readonly hasRest: boolean;
  /** Takes what the stream brought; only while it has no rest. */
  push(chunk: Buffer): void;
  /** Hands over whole frames, each a unit of `budget`, until that is used up. Throws what the session throws. */
  run(budget: TurnBudget): void;
  /** Puts whole frames before everything that waits. Not from inside of `run`. */
  unread(bytes: Buffer): void;
  /** Forgets what waits. */
  drop(): void;
}

/** Where bytes come from. */
export interface GatedStream {
  pause(): void;
  resume(): void;
}

/** The connection behind a gate. */
export interface GateOwner {
  /** A frame failed. */
  failed(error: unknown): void;
  /** The connection cannot even fail in an orderly way: ends the stream at once. */
  destroy(): void;
  /** What has been read was handled, or an operation has ended. `drained`: nothing is left that came. */
  chunkEnded(drained: boolean): void;
  /** False from here on while the client is not read from, so that its silence means nothing. */
  listening(listens: boolean): void;
}

export interface ReadGateParts {
  readonly turn: Turn;
  readonly stream: GatedStream;
  readonly decoder: GatedDecoder;
  readonly outbox: Outbox;
  readonly owner: GateOwner;
}

/** What a quiet client may do where others have used up a turn's time, or wait behind it, in units of the budget. */
const quietUnits = 32;
/** So often in a row a busy client has to say little before it is a quiet one. */
const quietAfter = 16;
/** What a quiet client says is handled in less, in units of the budget and in time. */
const quietUnitsMax = 256;
const quietMsMax = 0.25;
/**
 * So often in a row it has to take longer, and a few units at a time need all of it: now and then such a time is the garbage
 * collector's or another process', and on a machine with much to do that comes twice in a row.
 */
const slowTimesMax = 8;
/** From so many units on what took longer counts for more: the time is rather theirs. */
const someUnits = 16;
const someUnitsCount = 4;

/**
 * Between a client's stream and its decoder: says when its frames are handled.
 *
 *     reading ──▶ waiting    the turn's time is over: goes on when those before it have had their turn
 *        │  ▲────────┘
 *        └──▶ stopped        for one of `stopReasons`, until none is left
 *
 * A client that comes up against the budget, or whose frames take long, is a busy one for a while. Quiet ones are served in
 * the turn in which they say something, or before all busy ones in the next.
 */
export class ReadGate implements TurnWaiter {
  readonly #turn: Turn;
  readonly #stream: GatedStream;
  readonly #decoder: GatedDecoder;
  readonly #outbox: Outbox;
  readonly #owner: GateOwner;
  /** Came while the decoder had a rest: at most what was under way when the stream was paused. */
  #chunks: Buffer[] = [];
  /** Bits of `stopReasons`. */
  #stopped = 0;
  #waiting = false;
  #paused = false;
  #decoding = false;
  #ended = false;
  /** How often in a row what came took long. */
  #slowTimes = 0;
  /** Waits for what came before the end of the stream to be handled. */
  #over: (() => void) | null = null;
  /** How often it has to say little yet to be a quiet one. Not in turns: a busy one may wait for many. */
  #busy = 0;

  constructor(parts: ReadGateParts) {
    this.#turn = parts.turn;
    this.#stream = parts.stream;
    this.#decoder = parts.decoder;
    this.#outbox = parts.outbox;
    this.#owner = parts.owner;
  }

  /** Stops taking frames for `reason`, after the one at hand. */
  stop(reason: number): void {
    if (this.#ended) return;
    if (this.#stopped === 0) {
      this.#decoder.stopped = true;
      this.#owner.listening(false);
    }
    this.#stopped |= reason;
    // An operation takes a moment, and pausing a socket costs system calls: one more chunk may come and waits.
    if (reason !== stopReasons.operation) this.#pause();
  }

  /** `reasons` are over; takes frames again unless there is another. */
  proceed(reasons: number): void {
    if ((this.#stopped & reasons) === 0) return;
    this.#stopped &= ~reasons;
    if (this.#stopped !== 0 || this.#ended) return;
    this.#decoder.stopped = false;
    this.#owner.listening(true);
    this.#go();
  }

  /** Takes what the stream brought. */
  push(chunk: Buffer): void {
    if (this.#ended) return;
    if (this.#stopped === 0 && !this.#waiting && !this.#decoder.hasRest) {
      this.#decoder.push(chunk);
      this.#go();
      return;
    }
    this.#chunks.push(chunk);
    this.#pause();
  }

  /** Puts whole frames before everything that waits. Only while it is stopped, and not while a frame is handled. */
  unread(bytes: Buffer): void {
    if (!this.#ended) this.#decoder.unread(bytes);
  }

  takeTurn(): void {
    this.#waiting = false;
    if (this.#stopped !== 0 || this.#ended) return;
    // A hundred that have said nothing before are as quiet as a ping behind them.
    if (this.#quiet) this.#turn.budget.narrow(quietUnits);
    this.#go();
  }

  /** For the turn: what the session throws beyond its frames is the end of the session alone. */
  failed(error: unknown): void {
    this.#decoding = false;
    this.#owner.failed(error);
  }

  /** The stream is over: hands on what came before its end, whatever stops it and however long it takes. */
  handleRest(): void {
    const decoder = this.#decoder;
    while (!this.#ended && (decoder.hasRest || this.#chunks.length > 0)) {
      decoder.stopped = false;
      if (!decoder.hasRest) decoder.push(this.#chunks.shift() as Buffer);
      try {
        decoder.run(endlessBudget);
      } catch (error) {
        this.#owner.failed(error);
      }
    }
  }

  /** The stream is over: calls `then` when what came before its end is handled, turn by turn, or the gate has ended. */
  finish(then: () => void): void {
    this.#over = then;
    this.#tellOver();
  }

  #tellOver(): void {
    const over = this.#over;
    if (over === null || (!this.#ended && (this.#decoder.hasRest || this.#chunks.length > 0))) return;
    this.#over = null;
    over();
  }

  /** Forgets what waits: after an error in the stream nothing in it can be trusted. */
  drop(): void {
    this.#chunks = [];
    this.#decoder.drop();
  }

  /** Takes nothing any more. What still comes is read and forgotten: unread bytes would turn the end into a reset. */
  end(): void {
    this.#ended = true;
    this.#decoder.stopped = true;
    this.drop();
    this.#resume();
    // Whoever ends it is in the middle of something.
    if (this.#over !== null) this.#turn.storageDirty({ endTurn: () => this.#tellOver() });
  }

  /** Whoever has woken the gate, a store or another client, has nothing to do with what goes wrong behind it. */
  #go(): void {
    if (this.#decoding) return;
    try {
      if (this.#mayRead()) this.#decode();
      else this.#wait();
      if (this.#stopped === 0 && !this.#waiting) this.#resume();
      if (this.#over !== null) this.#tellOver();
    } catch (error) {
      const { containment } = this.#turn;
      if (containment === null) throw error;
      containment.failed("session", error);
      containment.run(
        "session",
        () => this.failed(error),
        () => this.#owner.destroy(),
      );
    } finally {
      this.#decoding = false;
    }
  }

  /** Whether there is time for this client now; a quiet one is given some. */
  #mayRead(): boolean {
    const { budget, behind } = this.#turn;
    if (!budget.spent) return !behind || this.#quiet;
    return this.#quiet && budget.allow(quietUnits);
  }

  get #quiet(): boolean {
    return this.#busy === 0;
  }

  #decode(): void {
    const decoder = this.#decoder;
    const turn = this.#turn;
    const startMs = turn.nowMs();
    const startUnits = turn.budget.taken;
    const hasWork = decoder.hasRest || this.#chunks.length > 0;
    this.#decoding = true;
    do {
      const chunk = decoder.hasRest ? undefined : this.#chunks.shift();
      if (chunk !== undefined) decoder.push(chunk);
      try {
        decoder.run(turn.budget);
      } catch (error) {
        this.#owner.failed(error);
        continue;
      }
      this.#owner.chunkEnded(!decoder.hasRest && this.#chunks.length === 0);
    } while (this.#goesOn());
    turn.budget.endAllowance();
    if (hasWork) this.#judge(turn.budget.taken - startUnits, turn.nowMs() - startMs);
    // Among many outboxes that are to be flushed, an answer to this client would wait for all of them.
    if (turn.crowded) this.#outbox.flush();
  }

  /** Few frames can be much work, and may have stopped the gate before the budget did. */
  #judge(tookUnits: number, tookMs: number): void {
    if (tookUnits > quietUnitsMax) this.#busy = quietAfter;
    else if (tookMs < quietMsMax) {
      this.#slowTimes = 0;
      if (this.#busy > 0 && !this.#waiting) this.#busy--;
    } else {
      this.#slowTimes += tookUnits < someUnits ? 1 : someUnitsCount;
      if (this.#slowTimes < slowTimesMax) return;
      this.#slowTimes = 0;
      this.#busy = quietAfter;
    }
  }

  /** False where nothing is left, or nothing more may be done for now. */
  #goesOn(): boolean {
    if (this.#stopped !== 0 || this.#ended) return false;
    if (!this.#decoder.hasRest && this.#chunks.length === 0) return false;
    if (!this.#turn.budget.spent) return true;
    this.#busy = quietAfter;
    this.#wait();
    return false;
  }

  #wait(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    if (this.#quiet) this.#turn.waitBriefly(this);
    else this.#turn.wait(this);
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#stream.pause();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#stream.resume();
  }
}
