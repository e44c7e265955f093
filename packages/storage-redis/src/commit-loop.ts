import type { Clock, Logger, Lsn, StorageListener, Timer } from "@jackalope/core/storage";
import { Commit } from "./commit.ts";
import type { RedisConnection } from "./connection.ts";
import { KeptCommits } from "./kept-commits.ts";
import type { Keys } from "./layout.ts";
import { failureOf, LeaseLostError } from "./redis-error.ts";
import { relieve } from "./relief.ts";
import type { ScriptCall } from "./script-call.ts";
import { sendCommit } from "./send-commit.ts";
import { SlabPool } from "./slab-pool.ts";
import type { StreamList } from "./stream-list.ts";
import type { Unsettled } from "./unsettled.ts";

export interface CommitLoopOptions {
  readonly connection: RedisConnection;
  readonly keys: Keys;
  /** Goes with every commit: Redis takes it while no other writer has taken over. */
  readonly writer: string;
  readonly listener: StorageListener;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lastNumber: number;
  readonly lastLsn: Lsn;
  readonly streams: StreamList;
  readonly unsettled: Unsettled;
  /** Replicas that must have a commit before it counts. */
  readonly waitReplicas: number;
  /** Asks for `WAITAOF`: on this server's disk, and on that of `waitReplicas`. */
  readonly waitAof: boolean;
  /** A commit is durable. */
  readonly committed: (commit: Commit) => void;
  readonly lost: (error: LeaseLostError) => void;
}

/** A commit that stands in line: one of those that Redis had confirmed, and forgot, has nothing but its call. */
interface InLine {
  readonly number: number;
  readonly call: ScriptCall;
  /** Null where it was durable before. */
  readonly commit: Commit | null;
}

/** Commits that Redis has not answered, at most. */
const inFlightMax = 4;
/** With so many unanswered a small commit waits for more to come: a commit costs about as much as 50 small messages. */
const inFlightSmall = 1;
/** What is no small commit any more, in bytes of messages. */
const smallBytesMax = 256 * 1024;
const retryMsMin = 50;
const retryMsMax = 1000;
/** WAIT and WAITAOF look so long for replicas. */
const waitMs = 1000;

/**
 * Sends commits to Redis in order and tells when they are durable. A commit goes out with its number; Redis does it once
 * and only behind the one before, so after any failure everything unanswered is simply sent again.
 *
 *     gathering ──seal──▶ in line ──▶ sent ──answer──▶ durable ──▶ kept for a while
 *                            ▲          │ error, lost connection, no answer        │ Redis forgot it
 *                            └──────────┴─── back-off ◀────────────────────────────┘
 */
export class CommitLoop {
  readonly #options: CommitLoopOptions;
  gathering: Commit;
  durable: Lsn;
  lastLsn: Lsn;
  commits = 0;
  writtenBytes = 0;
  /** True inside an atomic group: nothing is sealed there. */
  inGroup = false;
  /** What keeps commits from being durable, null while nothing does. */
  failure: Error | null = null;
  #failureTold = false;
  readonly #pool = new SlabPool();
  readonly #kept = new KeptCommits();
  #line: InLine[] = [];
  /** How many of the line are sent, and of those answered but not known to be on replicas. */
  #sent = 0;
  #answered = 0;
  #lineBytes = 0;
  #waiting = false;
  #lastNumber: number;
  #durableNumber: number;
  /** Grows with each failure: answers to what was sent before are of no interest. */
  #attempt = 0;
  #retryMs = retryMsMin;
  #timer: Timer | null = null;
  #ended = false;
  #idleWaiters: (() => void)[] = [];

  constructor(options: CommitLoopOptions) {
    this.#options = options;
    this.gathering = new Commit(this.#pool);
    this.#lastNumber = options.lastNumber;
    this.#durableNumber = options.lastNumber;
    this.lastLsn = options.lastLsn;
    this.durable = options.lastLsn;
  }

  /** What Redis' state says of this broker's commits where it has forgotten none: the number may be higher. */
  get known(): { readonly writer: string; readonly lastNumber: number } {
    return { writer: this.#options.writer, lastNumber: this.#durableNumber };
  }

  /** Bytes of messages and definitions that are not durable. */
  get pendingBytes(): number {
    return this.#lineBytes + this.gathering.bytes;
  }

  get idle(): boolean {
    return this.#line.length === 0 && this.gathering.empty;
  }

  /** Something was gathered: a commit that is large enough goes into the line at once. */
  added(): void {
    if (!this.gathering.full || this.inGroup || this.#ended) return;
    this.#seal();
    this.#sendNext();
  }

  /** Sends what is gathered, where not too much is on its way. */
  request(): void {
    if (this.#ended || this.inGroup || this.failure !== null || this.gathering.empty) return;
    if (this.#sent < this.#line.length || this.#sent >= inFlightMax) return;
    if (this.#sent >= inFlightSmall && this.gathering.bytes < smallBytesMax) return;
    this.#seal();
    this.#sendNext();
  }

  /** The connection is there again. */
  connected(): void {
    if (this.failure !== null) this.#resend();
  }

  /** The connection is lost, or Redis did not take a commit. */
  failed(error: Error): void {
    if (this.#ended) return;
    this.#attempt++;
    this.#sent = 0;
    this.#answered = 0;
    this.#waiting = false;
    this.failure = error;
    if (!this.#failureTold) this.#options.listener.failed(error);
    this.#failureTold = true;
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(this.#retryMs, () => this.#resend());
    this.#retryMs = Math.min(retryMsMax, this.#retryMs * 2);
  }

  /** Resolves when everything written so far is durable, nothing will be any more, or `timeoutMs` have passed. */
  whenIdle(timeoutMs: number): Promise<void> {
    if (this.idle || this.#ended) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#options.clock.after(timeoutMs, resolve);
      this.#idleWaiters.push(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  end(): void {
    this.#ended = true;
    this.#timer?.cancel();
    this.#wakeIdleWaiters();
  }

  #seal(): void {
    const commit = this.gathering;
    this.gathering = new Commit(this.#pool);
    const { keys, streams, unsettled } = this.#options;
    commit.seal(++this.#lastNumber, this.lastLsn, keys, streams, unsettled);
    unsettled.sealed();
    this.#line.push({ number: commit.number, call: commit.call, commit });
    this.#lineBytes += commit.bytes;
    this.writtenBytes += commit.bytes;
  }

  #sendNext(): void {
    if (this.failure !== null || this.#ended) return;
    while (this.#sent < this.#line.length && this.#sent < inFlightMax) this.#send(this.#line[this.#sent++] as InLine);
  }

  #send({ call }: InLine): void {
    const { connection, writer } = this.#options;
    const attempt = this.#attempt;
    const handled = sendCommit(connection, writer, call).then(
      () => {
        if (attempt === this.#attempt && !this.#ended) this.#taken();
      },
      (error: Error) => {
        if (attempt === this.#attempt && !this.#ended) this.#refused(error);
      },
    );
    handled.catch((error: unknown) => this.#broke(error));
  }

  /** Redis has done the first commit in line that it had not answered yet: answers come in order. */
  #taken(): void {
    this.#answered++;
    const { waitReplicas, waitAof } = this.#options;
    if (waitReplicas === 0 && !waitAof) this.#done();
    else if (!this.#waiting) this.#awaitCopies();
  }

  /** WAIT and WAITAOF concern everything that this connection wrote before. */
  #awaitCopies(): void {
    const { connection, waitReplicas, waitAof } = this.#options;
    const attempt = this.#attempt;
    this.#waiting = true;
    const asked = waitAof
      ? connection.send("WAITAOF", [1, waitReplicas, waitMs])
      : connection.send("WAIT", [waitReplicas, waitMs]);
    const covered = this.#answered;
    const handled = asked.then(
      (reply) => {
        if (attempt !== this.#attempt || this.#ended) return;
        const [local, replicas] = Array.isArray(reply) ? (reply as [number, number]) : [1, reply as number];
        if (local < 1) this.failed(new Error("the last commit is not on Redis' disk yet"));
        else if (replicas < waitReplicas) {
          this.failed(new Error(`only ${replicas} of ${waitReplicas} replicas have the last commit`));
        } else this.#copied(covered);
      },
      (error: Error) => {
        if (attempt === this.#attempt && !this.#ended) this.#refused(error);
      },
    );
    handled.catch((error: unknown) => this.#broke(error));
  }

  /** Not Redis, we: what is in line and what was answered may not belong together any more. */
  #broke(error: unknown): void {
    this.failure = error instanceof Error ? error : new Error(String(error));
    this.end();
    this.#options.listener.broken(error);
  }

  #copied(covered: number): void {
    this.#waiting = false;
    const later = this.#answered - covered;
    this.#answered = covered;
    this.#done();
    this.#answered = later;
    if (later > 0 && !this.#ended) this.#awaitCopies();
  }

  /** The answered commits are durable. */
  #done(): void {
    for (; this.#answered > 0; this.#answered--, this.#sent--) {
      const { number, call, commit } = this.#line.shift() as InLine;
      if (commit === null) continue;
      this.#lineBytes -= commit.bytes;
      this.commits++;
      this.durable = commit.lastLsn;
      this.#durableNumber = number;
      this.#kept.keep({ number, call, bytes: commit.bytes, writers: commit.writers });
      this.#options.committed(commit);
    }
    this.#retryMs = retryMsMin;
    this.#works();
    this.#options.listener.durable();
    this.#sendNext();
    this.request();
    if (this.idle) this.#wakeIdleWaiters();
  }

  /** Redis takes commits. It is well again when it has everything back that it had forgotten. */
  #works(): void {
    this.failure = null;
    if (!this.#failureTold || this.#line.some(({ commit }) => commit === null)) return;
    this.#failureTold = false;
    this.#options.listener.recovered();
  }

  #refused(error: Error): void {
    const failure = failureOf(error);
    if (failure.kind === "fenced") this.#options.lost(new LeaseLostError());
    else if (failure.kind === "gap") this.#repeatSince(failure.last, error);
    else if (failure.kind === "astray") {
      this.#options.lost(new LeaseLostError(`Redis holds what this broker has not written: ${error.message}`));
    } else {
      if (failure.kind === "full") this.#relieve();
      this.failed(error);
    }
  }

  /** Redis has forgotten what it had confirmed: a replica that lagged was made the master. */
  #repeatSince(last: number, error: Error): void {
    const first = this.#line[0]?.number ?? 0;
    if (last + 1 === first) {
      this.failed(error);
      return;
    }
    const again = this.#kept.since(last)?.filter(({ number }) => number < first);
    if (again === undefined || again.length === 0) {
      this.#options.lost(new LeaseLostError(`Redis has lost commits that it had confirmed: ${error.message}`));
      return;
    }
    this.#options.logger.warn(
      { commits: again.length },
      "Redis has lost commits that it had confirmed: writing them again",
    );
    this.#line.unshift(...again.map(({ number, call }) => ({ number, call, commit: null })));
    this.failed(new Error("Redis has lost commits that it had confirmed"));
    this.#resend();
  }

  /** Nothing is written from now on. */
  lose(error: LeaseLostError): void {
    if (this.#ended) return;
    this.failure = error;
    this.end();
    this.#options.listener.failed(error);
  }

  /** Sends everything unanswered again, in order. What Redis has done already it does not do twice. */
  #resend(): void {
    this.#timer?.cancel();
    this.#timer = null;
    // Without a connection there is nothing to do until there is one.
    if (this.#ended || !this.#options.connection.ready) return;
    this.#attempt++;
    // An empty one shows whether Redis takes writes, and whether it still has what it had.
    if (this.#line.length === 0) this.#seal();
    this.#sent = 0;
    for (const waiting of this.#line.slice(0, inFlightMax)) {
      this.#sent++;
      this.#send(waiting);
    }
  }

  #relieve(): void {
    const { connection, keys, writer } = this.#options;
    const commits = this.#line.flatMap(({ commit }) => (commit === null ? [] : [commit]));
    relieve(connection, keys, writer, [...commits, this.gathering]);
  }

  #wakeIdleWaiters(): void {
    for (const wake of this.#idleWaiters.splice(0)) wake();
  }
}
