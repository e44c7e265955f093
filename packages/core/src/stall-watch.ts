import type { Clock, Timer } from "./clock.ts";

const lookMs = 1000;

/** Looks every second whether a client that is behind with reading reads at all. */
export class StallWatch {
  readonly #clock: Clock;
  readonly #look: (stalledMs: number) => boolean;
  readonly #onTimer: () => void = () => this.#passed();
  #timer: Timer | null = null;
  /** True where the transport has taken something since the last look. */
  #moved = false;
  #stalledMs = 0;

  /** `look` is told for how long the transport has taken nothing, and answers whether to go on. */
  constructor(clock: Clock, look: (stalledMs: number) => boolean) {
    this.#clock = clock;
    this.#look = look;
  }

  /** The transport has taken something. */
  gone(): void {
    this.#moved = true;
  }

  /** The outbox is over its bound, or has room again. */
  pressure(over: boolean): void {
    this.end();
    this.#moved = false;
    this.#stalledMs = 0;
    if (over) this.#timer = this.#clock.after(lookMs, this.#onTimer);
  }

  end(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #passed(): void {
    this.#stalledMs = this.#moved ? 0 : this.#stalledMs + lookMs;
    this.#moved = false;
    this.#timer = null;
    if (this.#look(this.#stalledMs)) this.#timer ??= this.#clock.after(lookMs, this.#onTimer);
  }
}
