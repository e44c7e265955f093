import type { Payer } from "./payer.ts";

/** What one thing that grows has entered with its payer, to be released as a whole. */
export class Tab {
  readonly payer: Payer;
  #bytes = 0;

  constructor(payer: Payer) {
    this.payer = payer;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Enters `bytes` more. Throws quota-exceeded, saying that `what` is refused, where there is no room. */
  admit(bytes: number, what: string): void {
    this.payer.admit(bytes, what);
    this.add(bytes);
  }

  /** Enters `bytes` more of what is there already. */
  add(bytes: number): void {
    this.payer.add(bytes);
    this.#bytes += bytes;
  }

  /** Enters that it weighs `bytes` by now. */
  set(bytes: number): void {
    this.add(bytes - this.#bytes);
  }

  /** Releases everything. Idempotent. */
  settle(): void {
    this.set(0);
  }
}
