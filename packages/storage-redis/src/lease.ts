import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { type Clock, Deadline, type Logger, type Timer } from "@jackalope/core/storage";
import type { ConnectionListener, RedisConnection } from "./connection.ts";
import { type Keys, layoutVersion } from "./layout.ts";
import { LeaseLostError, StoreClosedError } from "./redis-error.ts";

export interface LeaseOptions {
  readonly connect: (listener: ConnectionListener) => RedisConnection;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long the lease holds without being renewed: a standby takes over at most so long after a crash. */
  readonly leaseMs: number;
  /** Somebody else has it. */
  readonly lost: (error: LeaseLostError) => void;
  /** Another broker holds it, the one of this name; called again where that changes. */
  readonly waiting: (leader: string) => void;
  /** Redis does not answer, for this reason; called once for each. */
  readonly unreachable: (reason: string) => void;
  /** This broker has it. */
  readonly acquired: () => void;
  /** It was renewed; `end` says until when. */
  readonly renewed: (end: Deadline) => void;
}

/** Renewals in the time that the lease holds, and tries where one failed: the lease is doubted before its end. */
const renewals = 4;
const renewalTries = 16;
const retryMsMax = 1000;
const pollMsMax = 250;
/** Giving the lease back is given up after this time: it ends by itself. */
const releaseTimeoutMs = 1000;
const releaseRetryMs = 20;

/**
 * The right to write to a home. It has a time limit in Redis, and a writer of its own that every commit carries: whoever
 * was paused past the limit finds, when it wakes, that Redis knows another writer, and can write nothing.
 */
export class Lease {
  /** `host:pid:random`, so that an operator sees who leads. */
  readonly owner: string = `${hostname()}:${process.pid}:${randomUUID()}`;
  /** `EPOCH:OWNER`; empty while this broker does not lead. */
  writer = "";
  /** Nobody else gets the lease before, whatever becomes of this process. Null while this broker does not lead. */
  end: Deadline | null = null;
  readonly #options: LeaseOptions;
  readonly #connection: RedisConnection;
  #listening: RedisConnection | null = null;
  #timer: Timer | null = null;
  #wake: (() => void) | null = null;
  /** What was told last: a state that lasts is told once. */
  #told = "";
  /** True where the lease may be held. */
  #asked = false;
  #closed = false;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#connection = options.connect({
      ready: () => this.#wake?.(),
      lost: (error) => {
        options.logger.debug({ error: error.message }, "the connection for the lease is lost");
        if (this.writer === "") this.#tell(error.message, options.unreachable);
      },
    });
  }

  /** Resolves with the writer when this broker has the lease; again, too, when it was lost. Rejects when it is closed. */
  async acquire(): Promise<string> {
    if (this.writer !== "") return this.writer;
    const { leaseMs } = this.#options;
    while (!this.#closed) {
      const writer = await this.#try();
      if (writer !== null && writer !== "") {
        this.writer = writer;
        this.#told = "";
        this.#listening?.close();
        this.#listening = null;
        this.#renewLater(leaseMs / renewals);
        this.#options.acquired();
        return writer;
      }
      if (writer === "" && !this.#closed) {
        await this.#tellLeader();
        if (this.#listening === null && !this.#closed) this.#listen();
      }
      if (!this.#closed) await this.#pause();
    }
    throw new StoreClosedError();
  }

  /**
   * Gives the lease back, or stops waiting for it. Never takes long. `other` is asked where the connection of the lease
   * is of no use at the moment.
   */
  async close(other: RedisConnection): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    this.#wake?.();
    this.#listening?.close();
    if (this.#asked) await this.#giveBack(other);
    this.#connection.close();
  }

  /** Tries again while there is time, as a connection may have been lost just now. */
  async #giveBack(other: RedisConnection): Promise<void> {
    const { keys, clock, logger } = this.#options;
    const args = [this.owner, keys.released];
    const pause = (ms: number): Promise<void> => new Promise((resolve) => clock.after(ms, resolve));
    let late = false;
    const timer = clock.after(releaseTimeoutMs, () => {
      late = true;
    });
    while (!late) {
      const released = this.#connection
        .script("release", [keys.lease], args)
        .catch(() => other.script("release", [keys.lease], args))
        .then(
          () => true,
          () => false,
        );
      if ((await Promise.race([released, pause(releaseTimeoutMs)])) === true) {
        timer.cancel();
        return;
      }
      await pause(releaseRetryMs);
    }
    logger.warn({ owner: this.owner }, "the lease could not be given back: it ends by itself");
  }

  /** The writer; empty where another broker has the lease, null where Redis does not answer. */
  async #try(): Promise<string | null> {
    const { keys, leaseMs, clock, logger } = this.#options;
    if (!this.#connection.ready) return null;
    this.#asked = true;
    // From the question on, not from the answer: Redis counts from some moment in between.
    const end = new Deadline(clock, leaseMs);
    try {
      const args = [this.owner, leaseMs, layoutVersion];
      const reply = await this.#connection.script("acquire", [keys.lease, keys.state], args);
      this.end = reply === null ? null : end;
      return reply === null ? "" : String(reply);
    } catch (error) {
      if (!this.#closed)
        logger.warn({ error: (error as Error).message }, "cannot ask Redis for the lease, trying again");
      return null;
    }
  }

  async #tellLeader(): Promise<void> {
    const { keys, waiting } = this.#options;
    const leader = await this.#connection.send("GET", [keys.lease]).catch(() => null);
    // It may have ended in between.
    if (leader !== null) this.#tell(String(leader), waiting);
  }

  #tell(text: string, listener: (text: string) => void): void {
    if (this.#closed || text === this.#told) return;
    this.#told = text;
    listener(text);
  }

  /** A lease that is given back is told at once. */
  #listen(): void {
    const { connect, keys } = this.#options;
    const listening: RedisConnection = connect({
      ready: () => {
        const subscribed = listening.subscribe(keys.released, () => this.#wake?.());
        // Polling goes on in any case.
        subscribed.catch(() => undefined);
      },
      lost: () => undefined,
    });
    this.#listening = listening;
  }

  #pause(): Promise<void> {
    const { clock, leaseMs } = this.#options;
    return new Promise((resolve) => {
      const wake = (): void => {
        timer.cancel();
        if (this.#wake === wake) this.#wake = null;
        resolve();
      };
      const timer = clock.after(Math.min(pollMsMax, leaseMs / renewals), wake);
      this.#wake = wake;
    });
  }

  #renewLater(delayMs: number): void {
    if (!this.#closed) this.#timer = this.#options.clock.after(delayMs, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const { leaseMs, clock, lost, renewed } = this.#options;
    const end = new Deadline(clock, leaseMs);
    const kept = await this.#keep();
    if (this.#closed) return;
    if (kept === false) {
      this.writer = "";
      lost(new LeaseLostError());
      return;
    }
    this.#renewLater(kept === null ? Math.min(retryMsMax, leaseMs / renewalTries) : leaseMs / renewals);
    if (kept === null) return;
    this.#told = "";
    this.end = end;
    renewed(end);
  }

  /** False where another broker has the lease, null where Redis does not answer. */
  async #keep(): Promise<boolean | null> {
    const { keys, leaseMs, logger } = this.#options;
    try {
      const args = [this.owner, leaseMs, this.writer];
      return (await this.#connection.script("renew", [keys.lease, keys.state], args)) !== 0;
    } catch (error) {
      const warn = (text: string): void => logger.warn({ error: text }, "cannot renew the lease, trying again");
      this.#tell((error as Error).message, warn);
      return null;
    }
  }
}
