import type { ProducerFacts } from "../ledger/producer-facts.ts";

/** How often a producer looks whether something is due, in milliseconds. */
const tickMs = 20;

/** When a producer publishes: at a rate, with a bound on what is not confirmed, while it is connected. */
export class Publishing {
  readonly facts: ProducerFacts;
  readonly #perSecond: number;
  readonly #outstandingMax: number;
  readonly #send: (sequence: number) => void;
  readonly #timer: NodeJS.Timeout;
  #connected = false;
  #outstanding = 0;
  #due = 0;
  /** How many more may go out. */
  #left = Number.POSITIVE_INFINITY;

  constructor(facts: ProducerFacts, perSecond: number, outstandingMax: number, send: (sequence: number) => void) {
    this.facts = facts;
    this.#perSecond = perSecond;
    this.#outstandingMax = outstandingMax;
    this.#send = send;
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  get idle(): boolean {
    return this.#outstanding === 0;
  }

  /** A connection is there. Where the protocol does not send again, what was under way is given up. */
  connected(): void {
    if (!this.facts.resends) {
      this.facts.connected();
      this.#outstanding = 0;
    }
    this.#connected = true;
  }

  lost(): void {
    this.#connected = false;
    if (!this.facts.resends) this.#outstanding = 0;
  }

  confirm(sequence: number): void {
    this.#outstanding--;
    this.facts.confirm(sequence);
  }

  refuse(sequence: number): void {
    this.#outstanding--;
    this.facts.refuse(sequence);
  }

  stop(): void {
    this.#left = 0;
  }

  resume(count: number): void {
    this.#left = count;
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    // What was not sent in time is not made up for: a burst after each fault would be another test.
    this.#due = Math.min(this.#outstandingMax, this.#due + (this.#perSecond * tickMs) / 1000);
    while (this.#connected && this.#due >= 1 && this.#left > 0 && this.#outstanding < this.#outstandingMax) {
      this.#due--;
      this.#left--;
      this.#outstanding++;
      this.#send(this.facts.take());
    }
  }
}
