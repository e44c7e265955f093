import type { EmitterMessage } from "./packet.ts";

/** Called when a listener has handled a message. */
export type Done = (error?: Error | null) => void;

/** Hears of a message; `done` must be called once, when it was handled. */
export type Listener = (message: EmitterMessage, done: Done) => void;

/** Waits until all listeners have handled a message, and for whatever else is to come before it is done. */
export class Emission {
  #pending: number;
  readonly #finished: Done;
  #error: Error | null = null;

  constructor(pending: number, finished: Done) {
    this.#pending = pending;
    this.#finished = finished;
  }

  /** One of those that are waited for is done. The first error is the emission's. */
  readonly done: Done = (error) => {
    this.#error ??= error ?? null;
    this.#pending--;
    if (this.#pending === 0) this.#finished(this.#error);
  };
}
