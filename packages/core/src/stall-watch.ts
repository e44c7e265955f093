import type { Clock, Timer } from "./clock.ts";

const lookMs = 1000;

/** Looks every second whether a client that is behind with reading reads at all. It watches from its making to `end`. */
export class StallWatch {
  readonly #clock: Clock;
  readonly #goneBytes: () => number;
  readonly #look: (stalledMs: number) => boolean;
  #timer: Timer | null = null;

  /**
   * `goneBytes` is what the transport took so far. `look` is told for how long nothing has gone, and answers whether to
   * go on.
   */
  constructor(clock: Clock, goneBytes: () => number, look: (stalledMs: number) => boolean) {
    this.#clock = clock;
    this.#goneBytes = goneBytes;
    this.#look = look;
    this.#watch(goneBytes(), 0);
  }

  end(): void {
    this.#timer?.cancel();
  }

  #watch(goneBytes: number, stalledMs: number): void {
    this.#timer = this.#clock.after(lookMs, () => {
      const nowGoneBytes = this.#goneBytes();
      const nowStalledMs = nowGoneBytes === goneBytes ? stalledMs + lookMs : 0;
      if (this.#look(nowStalledMs)) this.#watch(nowGoneBytes, nowStalledMs);
    });
  }
}
