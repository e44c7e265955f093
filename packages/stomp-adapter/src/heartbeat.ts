import type { Clock, Timer } from "@jackalope/core/adapter";

/** What heart-beats do to their connection. */
export interface HeartbeatHost {
  sendHeartbeat(): void;
  /** Nothing came for too long. */
  peerIsSilent(): void;
}

/** What was agreed at login; 0 is none in that direction. */
export interface HeartbeatIntervals {
  /** The server says something at least so often, in milliseconds. */
  readonly sendMs: number;
  /** The client does. */
  readonly receiveMs: number;
  /** The shortest silence of the client that ends the connection, in milliseconds. */
  readonly silenceMsMin: number;
}

/** STOMP 1.2 "Heart-beating" asks for an error margin: one interval may be missed whole. */
const silentIntervalsMax = 2;

/** Heart-beats of one connection. Any byte counts in both directions. */
export class Heartbeat {
  /** Set by the connection when bytes come. */
  received = true;
  /** Set by the connection when bytes go. */
  sent = true;
  readonly #clock: Clock;
  readonly #host: HeartbeatHost;
  readonly #intervals: HeartbeatIntervals;
  #silentMs = 0;
  /** While the connection does not read, silence proves nothing. */
  #deaf = false;
  #sendTimer: Timer | null = null;
  #receiveTimer: Timer | null = null;

  constructor(clock: Clock, intervals: HeartbeatIntervals, host: HeartbeatHost) {
    this.#clock = clock;
    this.#host = host;
    this.#intervals = intervals;
    if (intervals.sendMs > 0) this.#watchSending();
    if (intervals.receiveMs > 0) this.#watchReceiving();
  }

  /** False from here on while the connection does not read. */
  listening(listens: boolean): void {
    this.#deaf = !listens;
    if (listens) this.received = true;
  }

  stop(): void {
    this.#sendTimer?.cancel();
    this.#receiveTimer?.cancel();
  }

  /** Twice an interval, so that a heart-beat is never later than one. */
  #watchSending(): void {
    this.#sendTimer = this.#clock.after(this.#intervals.sendMs / 2, () => {
      this.#watchSending();
      if (!this.sent) this.#host.sendHeartbeat();
      this.sent = false;
    });
  }

  #watchReceiving(): void {
    const { receiveMs, silenceMsMin } = this.#intervals;
    const tickMs = receiveMs / 2;
    this.#receiveTimer = this.#clock.after(tickMs, () => {
      this.#watchReceiving();
      this.#silentMs = this.received || this.#deaf ? 0 : this.#silentMs + tickMs;
      this.received = false;
      if (this.#silentMs >= Math.max(receiveMs * silentIntervalsMax, silenceMsMin)) this.#host.peerIsSilent();
    });
  }
}
