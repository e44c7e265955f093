import type { Clock } from "./clock.ts";
import type { LogFields, Logger } from "./logger.ts";

/** Addresses that have lines of their own at a time; all others share one. */
const addressesMax = 64;

const logIntervalMs = 1000;

/** The last line that was left out for an address, and how many. */
interface Waiting {
  fields: LogFields;
  text: string;
  count: number;
}

/** Warnings that strangers cause as often as they like: one line an address and second tells of all. */
export class SparingLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** By address, while its second lasts; null where nothing was left out. */
  readonly #waiting = new Map<string, Waiting | null>();

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Logs at once where `address` had no line for a second; else at the end of that second, with a count. */
  warn(address: string, fields: LogFields, text: string): void {
    const key = this.#waiting.has(address) || this.#waiting.size < addressesMax ? address : "";
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) {
      this.#logger.warn(fields, text);
      this.#rest(key);
    } else this.#waiting.set(key, { fields, text, count: (waiting?.count ?? 0) + 1 });
  }

  #rest(key: string): void {
    this.#waiting.set(key, null);
    this.#clock.after(logIntervalMs, () => {
      const waiting = this.#waiting.get(key);
      this.#waiting.delete(key);
      if (waiting === undefined || waiting === null) return;
      this.#logger.warn({ ...waiting.fields, alike: waiting.count }, waiting.text);
      this.#rest(key);
    });
  }
}
