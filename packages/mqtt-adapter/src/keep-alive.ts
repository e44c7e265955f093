import type { Clock, Timer } from "@jackalope/core/adapter";

/** Looks a keep alive interval: a silence is noticed at most a quarter of it late. */
const looksAnInterval = 4;
/** [MQTT-3.1.2-22], [MQTT 3.1.1 MQTT-3.1.2-24]: one and a half times the keep alive. */
const silentLooksMax = 1.5 * looksAnInterval;

/**
 * Watches that a client is heard of. The connection sets a flag when bytes come; a packet costs no look at the clock and
 * moves no timer.
 */
export class KeepAlive {
  /** Set by the connection when bytes come. */
  received = true;
  readonly #clock: Clock;
  readonly #lookMs: number;
  readonly #onSilence: () => void;
  readonly #look: () => void = () => this.#onLook();
  #silentLooks = 0;
  /** While the connection does not read, silence proves nothing. */
  #deaf = false;
  /** Nor does that of a client whose publishes are held: it may wait for their answers before it says anything more. */
  #holds = false;
  #timer: Timer;

  /** `onSilence` is called once, between 1.5 and 1.75 times `seconds` after the last byte. */
  constructor(clock: Clock, seconds: number, onSilence: () => void) {
    this.#clock = clock;
    this.#lookMs = (seconds * 1000) / looksAnInterval;
    this.#onSilence = onSilence;
    this.#timer = clock.after(this.#lookMs, this.#look);
  }

  /** False from here on while the connection does not read. */
  listening(listens: boolean): void {
    this.#deaf = !listens;
    if (listens) this.received = true;
  }

  /** True from here on while publishes of the client are held. */
  holding(holds: boolean): void {
    this.#holds = holds;
    this.received = true;
  }

  stop(): void {
    this.#timer.cancel();
  }

  #onLook(): void {
    this.#silentLooks = this.received || this.#deaf || this.#holds ? 0 : this.#silentLooks + 1;
    this.received = false;
    if (this.#silentLooks >= silentLooksMax) this.#onSilence();
    else this.#timer = this.#clock.after(this.#lookMs, this.#look);
  }
}
