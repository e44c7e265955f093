/** Collections take at most this share of the time while an alarm lasts. */
const timeShareMax = 0.05;
/** A collection is worth its time where this share of the messages has gone since the last one… */
const goneShareMin = 0.05;
/** …or where it takes at most this share of the time, since memory is held by more than messages. */
const patientShareMax = 0.02;
/** Where nobody waits for it, a collection is worth its time not before this, and only where half of the messages have gone. */
const leisureMs = 10_000;
const leisureGoneShareMin = 0.5;
/** What a collection may take for each megabyte of heap, before one was measured. */
const guessedMsPerMegabyte = 0.5;
/** Part of the time that does not depend on messages, in messages. */
const baseMessages = 10_000;

/**
 * Says when a collection is due. It stops everything for a time that grows with what is alive: a broker that is full of
 * messages would do little else, and one that was emptied has it done in milliseconds.
 */
export class CollectionPace {
  #lastMs = 0;
  #tookMs = 1;
  #messages = 0;
  /** Nothing was collected since `begin`: what looked like too much may be garbage. */
  #fresh = true;

  /** Memory has become a matter. `nowMs` by a clock that is never set; `heapBytes` with garbage. */
  begin(nowMs: number, messages: number, heapBytes: number): void {
    this.#lastMs = nowMs;
    this.#tookMs = Math.max(1, (heapBytes / 1024 ** 2) * guessedMsPerMegabyte);
    this.#messages = messages;
    this.#fresh = true;
  }

  /** `messages` is how many are held now. `urgent` where publishers wait for it. */
  due(nowMs: number, messages: number, urgent: boolean): boolean {
    const sinceMs = nowMs - this.#lastMs;
    const expectedMs = (this.#tookMs * (messages + baseMessages)) / (this.#messages + baseMessages);
    if (sinceMs < expectedMs / timeShareMax) return false;
    if (this.#fresh) return true;
    const left = this.#messages === 0 ? 1 : messages / this.#messages;
    if (!urgent) return sinceMs >= leisureMs && left <= 1 - leisureGoneShareMin;
    return sinceMs >= expectedMs / patientShareMax || left <= 1 - goneShareMin;
  }

  /** A collection was made. */
  made(nowMs: number, tookMs: number, messages: number): void {
    this.#lastMs = nowMs;
    this.#tookMs = Math.max(1, tookMs);
    this.#messages = messages;
    this.#fresh = false;
  }
}
