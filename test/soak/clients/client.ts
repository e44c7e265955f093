import type { Slot, SlotPorts } from "../stage/slot.ts";

/** A client of the soak: it comes back by itself whenever its connection is gone, until it is ended. */
export interface SoakClient {
  readonly name: string;
  /** Nothing is under way: all that was sent is answered, all that came is acknowledged for good. */
  readonly idle: boolean;
  readonly rotation: Rotation;
  /** Drops the connection without a word. */
  cut(): void;
  /** Ends it for good. */
  end(): Promise<void>;
}

/** A client that publishes. */
export interface SoakProducer extends SoakClient {
  /** Publishes no more from now on. */
  stop(): void;
  /** Publishes so many more, as soon as there is a connection. */
  resume(count: number): void;
}

/** How long a client waits between two attempts, in milliseconds. */
export const retryMs = 50;
/** A broker that is stopped takes connections and never says a word. In milliseconds. */
export const connectMs = 1500;

/** Nobody listens there. */
const nowhere: SlotPorts = { amqp: 1, mqtt: 1, stompWs: 1, management: 1 };

/** Goes through the brokers, one attempt each: a client does not know which one leads. */
export class Rotation {
  /** While it is set, no attempt gets through. */
  away = false;
  /** No attempt goes there. */
  shunned: Slot | null = null;
  readonly #slots: readonly Slot[];
  #next: number;

  constructor(slots: readonly Slot[], first: number) {
    this.#slots = slots;
    this.#next = first;
  }

  /** Where to try next. */
  next(): SlotPorts {
    if (this.away) return nowhere;
    const slots = this.#slots.filter((slot) => slot !== this.shunned);
    return (slots[this.#next++ % slots.length] as Slot).ports;
  }
}
