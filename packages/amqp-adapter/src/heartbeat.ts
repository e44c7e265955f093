import type { Clock, Timer } from "@jackalope/core/adapter";

/** What a heartbeat does to its connection. */
export interface HeartbeatHost {
  sendHeartbeat(): void;
  /** Nothing came for two intervals. */
  peerIsSilent(): void;
}

/** A silent peer is given up after this many half intervals (4.2.7: two intervals). */
const silentTicksMax = 4;

/**
 * Heartbeats in both directions with one timer: twice an interval it looks whether anything was sent (else it sends a
 * heartbeat) and whether anything came. Any traffic counts.
 */
export class Heartbeat {
  /** Set by the connection when bytes come. */
  received = true;
  /** Set by the connection when bytes go. */
  sent = true;
  readonly #clock: Clock;
  readonly #host: HeartbeatHost;
  readonly #tickMs: number;
  readonly #tick: () => void = () => this.#look();
  #silentTicks = 0;
  /** While the connection does not read, silence proves nothing. */
  #deaf = false;
  #timer: Timer;

  constructor(clock: Clock, intervalSeconds: number, host: HeartbeatHost) {
    this.#clock = clock;
    this.#host = host;
    this.#tickMs = (intervalSeconds * 1000) / 2;
    this.#timer = clock.after(this.#tickMs, this.#tick);
  }

  /** False from here on while the connection does not read. */
  listening(listens: boolean): void {
    this.#deaf = !listens;
    if (listens) this.received = true;
  }

  stop(): void {
    this.#timer.cancel();
  }

  #look(): void {
    this.#timer = this.#clock.after(this.#tickMs, this.#tick);
    if (!this.sent) this.#host.sendHeartbeat();
    this.sent = false;
    if (this.received || this.#deaf) this.#silentTicks = 0;
    else if (++this.#silentTicks >= silentTicksMax) this.#host.peerIsSilent();
    this.received = false;
  }
}
