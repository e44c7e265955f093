import type { Clock, Timer } from "../clock.ts";
import type { Message } from "../message.ts";
import type { QueueEntry } from "./queue-entry.ts";
import type { ReadyList } from "./ready-list.ts";
import type { ReadyMessages } from "./ready-messages.ts";

/** What the watch needs of its queue. */
export interface ExpiringQueue {
  readonly ready: ReadyMessages;
  /** True where nothing may be dead-lettered: what runs out stays ready until it may. */
  readonly keepsDead: boolean;
  /** False where the turn's time is over; `finish` follows in a later one. */
  mayExpire(): boolean;
  /** An entry that is not ready any more has run out. */
  expire(entry: QueueEntry): void;
}

/**
 * The time to live of one queue's messages. One timer, at the earliest head: others are dropped when they become the head,
 * turn by turn where many run out at once.
 */
export class ExpiryWatch {
  readonly #queue: ExpiringQueue;
  readonly #clock: Clock;
  /** The queue's, -1 for none. */
  readonly #messageTtlMs: number;
  /** False where no ready message runs out, which spares the usual queue a look at every head. */
  #mayExpire = false;
  #timer: Timer | null = null;
  #atMs = 0;
  /** The head that may have run out is being read back, or more has run out than a turn has time for. */
  #unfinished = false;

  constructor(queue: ExpiringQueue, clock: Clock, messageTtlMs: number) {
    this.#queue = queue;
    this.#clock = clock;
    this.#messageTtlMs = messageTtlMs;
  }

  /** When a message that comes now runs out, 0 for never. */
  expiresAtMs(message: Message): number {
    if (message.expirationMs < 0 && this.#messageTtlMs < 0) return 0;
    const nowMs = this.#clock.nowMs();
    // Protocols that tell the remaining time ask for it; the store does the same for what it takes.
    if (message.publishedAtMs === 0) message.publishedAtMs = nowMs;
    return nowMs + this.#ttlMs(message.expirationMs);
  }

  /** As `expiresAtMs`, for a stored message. */
  storedExpiresAtMs(expirationMs: number, publishedAtMs: number): number {
    const ttlMs = this.#ttlMs(expirationMs);
    if (ttlMs < 0) return 0;
    this.#mayExpire = true;
    return publishedAtMs + ttlMs;
  }

  /** True where the entry's time is up. */
  hasExpired(entry: QueueEntry): boolean {
    return entry.expiresAtMs !== 0 && entry.expiresAtMs <= this.#clock.nowMs();
  }

  /** A message that runs out at `atMs` is ready. */
  watch(atMs: number): void {
    this.#mayExpire = true;
    if (this.#atMs !== 0 && this.#atMs <= atMs) return;
    this.#timer?.cancel();
    this.#atMs = atMs;
    const delayMs = Math.max(0, atMs - this.#clock.nowMs());
    this.#timer = this.#clock.after(delayMs, () => this.drop());
  }

  /** Heads have changed. */
  look(): void {
    if (this.#mayExpire && this.#atMs === 0) this.drop();
  }

  /** What `drop` had to wait for has come. */
  finish(): void {
    if (this.#unfinished) this.drop();
  }

  /** Drops what has run out at the head of each list, and sets the timer for the next. */
  drop(): void {
    this.#atMs = 0;
    this.#unfinished = false;
    if (this.#queue.keepsDead) return;
    const { ready } = this.#queue;
    for (const list of ready.lists) this.#dropOf(list);
    if (ready.count === 0) this.#mayExpire = false;
  }

  /** The queue is gone. */
  end(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #dropOf(list: ReadyList): void {
    for (let atMs = list.headExpiresAtMs; atMs !== 0; atMs = list.headExpiresAtMs) {
      if (atMs > this.#clock.nowMs()) {
        this.watch(atMs);
        return;
      }
      const entry = this.#queue.mayExpire() ? list.shift() : null;
      if (entry === null) {
        this.#unfinished = true;
        return;
      }
      this.#queue.expire(entry);
    }
  }

  #ttlMs(expirationMs: number): number {
    const queueTtlMs = this.#messageTtlMs;
    if (expirationMs < 0) return queueTtlMs;
    return queueTtlMs < 0 ? expirationMs : Math.min(expirationMs, queueTtlMs);
  }
}
