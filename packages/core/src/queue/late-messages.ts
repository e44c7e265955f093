import type { FanOut } from "../fan-out.ts";

/** Messages to many queues that have not come to one of them yet: they stand behind what is ready there. */
export class LateMessages {
  /** Oldest first, null for none. */
  #fanOuts: readonly FanOut[] | null = null;

  get count(): number {
    return this.#fanOuts === null ? 0 : this.#fanOuts.length;
  }

  add(fanOut: FanOut): void {
    this.#fanOuts = this.#fanOuts === null ? fanOut.alone : [...this.#fanOuts, fanOut];
  }

  has(fanOut: FanOut): boolean {
    return this.#fanOuts !== null && this.#fanOuts.includes(fanOut);
  }

  /** All of them, which are late no more. */
  takeAll(): readonly FanOut[] {
    const fanOuts = this.#fanOuts ?? [];
    this.#fanOuts = null;
    return fanOuts;
  }
}
