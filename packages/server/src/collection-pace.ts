/** Collections take at most this share of the time while an alarm lasts. */
const timeShareMax = 0.05;
/** A collection is worth its time where this share of the messages has gone since the last one… */
const goneShareMin = 0.05;
/** …or where it takes at most this share of the time, since memory is held by more than messages. */
const patientShareMax = 0.02;
/** Where nobody waits for it, a collection is worth its time not before this, and only where half of the messages have gone… */
const leisureMs = 3000;
const leisureGoneShareMin = 0.5;
/** …and so many bytes of them. */
const leisureGoneBytesMin = 16 * 1024 * 1024;
/** What a collection may take for each megabyte of heap, before one was measured. */
const guessedMsPerMegabyte = 0.5;
/** Part of the time that does not depend on messages, in bytes of messages. */
const baseBytes = 4 * 1024 * 1024;

/**
 * Says when a collection is due. It stops everything for a time that grows with what is alive: a broker that is full of
 * messages would do little else, and one that was emptied has it done in milliseconds.
 */
export class CollectionPace {
  #lastMs = 0;
  #tookMs = 1;
  #messageBytes = 0;
  /** Nothing was collected since `begin`: what looked like too much may be garbage. */
  #fresh = true;

  /** Memory has become a matter. `nowMs` by a clock that is never set; `heapBytes` with garbage. */
  begin(nowMs: number, messageBytes: number, heapBytes: number): void {
    this.#lastMs = nowMs;
    this.#tookMs = Math.max(1, (heapBytes / 1024 ** 2) * guessedMsPerMegabyte);
    this.#messageBytes = messageBytes;
    this.#fresh = true;
  }

  /** `messageBytes` is what is held now. `urgent` where publishers wait for it. */
  due(nowMs: number, messageBytes: number, urgent: boolean): boolean {
    const sinceMs = nowMs - this.#lastMs;
    const expectedMs = (this.#tookMs * (messageBytes + baseBytes)) / (this.#messageBytes + baseBytes);
    if (sinceMs < expectedMs / timeShareMax) return false;
    if (this.#fresh) return true;
    const left = this.#messageBytes === 0 ? 1 : messageBytes / this.#messageBytes;
    if (!urgent) {
      const goneBytes = this.#messageBytes - messageBytes;
      return sinceMs >= leisureMs && left <= 1 - leisureGoneShareMin && goneBytes >= leisureGoneBytesMin;
    }
    return sinceMs >= expectedMs / patientShareMax || left <= 1 - goneShareMin;
  }

  /** A collection was made. */
  made(nowMs: number, tookMs: number, messageBytes: number): void {
    this.#lastMs = nowMs;
    this.#tookMs = Math.max(1, tookMs);
    this.#messageBytes = messageBytes;
    this.#fresh = false;
  }
}
