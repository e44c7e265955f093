import type { ProducerName } from "../plan.ts";
import { Counts } from "./counts.ts";

/** What a producer knows of its messages. */
export class ProducerFacts {
  readonly name: ProducerName;
  /**
   * True where the protocol sends a message again until it is acknowledged (MQTT). Others do not know what became of what
   * was under way when a connection ended, and go on with the next number.
   */
  readonly resends: boolean;
  /** Numbers given out. */
  sent = 0;
  confirmed = 0;
  /** Answered with a refusal. */
  refused = 0;
  /** Sent again over another connection. */
  resent = 0;
  readonly #sends = new Counts();
  readonly #confirms = new Counts();
  /** For each connection the first number sent over it; without resending. */
  readonly connectionStarts: number[] = [];
  readonly #refusals = new Counts();

  constructor(name: ProducerName, resends: boolean) {
    this.name = name;
    this.resends = resends;
  }

  /** A new connection: what was under way on the one before stays in doubt. */
  connected(): void {
    this.connectionStarts.push(this.sent);
  }

  /** The number of the next message. */
  take(): number {
    return this.sent++;
  }

  /** The message goes out, once more where that has happened before. */
  goesOut(sequence: number): void {
    if (this.#sends.add(sequence) > 1) this.resent++;
  }

  confirm(sequence: number): void {
    if (this.#confirms.add(sequence) === 1) this.confirmed++;
  }

  refuse(sequence: number): void {
    this.#refusals.add(sequence);
    this.refused++;
  }

  isConfirmed(sequence: number): boolean {
    return this.#confirms.get(sequence) > 0;
  }

  isRefused(sequence: number): boolean {
    return this.#refusals.get(sequence) > 0;
  }

  /** Copies of the message that a queue may hold by rights. */
  copiesMax(sequence: number): number {
    return this.resends ? Math.max(1, this.#sends.get(sequence)) : 1;
  }
}
