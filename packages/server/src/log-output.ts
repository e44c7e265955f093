import { write } from "node:fs";
import { systemErrorCode } from "./start-error.ts";

/** Text kept for a reader who does not read; what comes beyond is dropped. */
const waitingCharactersMax = 1024 * 1024;
const retryMs = 20;
const closeMsMax = 1000;

/**
 * Writes lines to a file descriptor behind the event loop's back, one write at a time, so that whoever reads the log
 * and stalls does not stall the broker. A reader who went away is no error: the lines are dropped.
 *
 * pino's own destination does the same, but its final flush retries a closed pipe for ever.
 */
export class LogOutput {
  readonly #descriptor: number;
  #waiting = "";
  /** Handed to the system, not yet written. */
  #leaving: Buffer | null = null;
  #closed = false;
  #whenWritten: (() => void) | null = null;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  write(text: string): void {
    if (this.#closed || this.#waiting.length + text.length > waitingCharactersMax) return;
    this.#waiting += text;
    if (this.#leaving === null) this.#writeNext();
  }

  /** Takes nothing more; resolves when everything is written, or after a second with a reader who does not read. */
  close(): Promise<void> {
    this.#closed = true;
    if (this.#leaving === null) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenWritten = resolve;
      setTimeout(resolve, closeMsMax);
    });
  }

  #writeNext(): void {
    this.#leaving = Buffer.from(this.#waiting);
    this.#waiting = "";
    this.#writeRest();
  }

  #writeRest(): void {
    const bytes = this.#leaving;
    if (bytes === null) return;
    write(this.#descriptor, bytes, (error, written) => {
      if (error !== null) this.#failed(error);
      else if (written < bytes.length) {
        this.#leaving = bytes.subarray(written);
        this.#writeRest();
      } else {
        this.#leaving = null;
        if (this.#waiting === "") this.#whenWritten?.();
        else this.#writeNext();
      }
    });
  }

  #failed(error: Error): void {
    // A pipe that somebody made non-blocking is full.
    if (systemErrorCode(error) === "EAGAIN") {
      setTimeout(() => this.#writeRest(), retryMs).unref();
      return;
    }
    this.#closed = true;
    this.#leaving = null;
    this.#waiting = "";
    this.#whenWritten?.();
  }
}
