import type { Broker } from "./broker.ts";
import { type FrameKind, HeldFrames } from "./held-frames.ts";
import type { Logger } from "./logger.ts";
import { stopReasons } from "./stop-reasons.ts";
import type { TurnWaiter } from "./turn.ts";

/** What a throttle does to its connection. */
export interface ThrottledConnection {
  readonly peer: string;
  /** Stops reading for `reason`, one of `stopReasons`. */
  stop(reason: number): void;
  /** `reason` is over. */
  proceed(reason: number): void;
  /** As `Transport.putBack`, for a frame that was shown last. Only while it is stopped. */
  putBack(bytes: Buffer): boolean;
  /** Has whole frames handled before everything that waits. Not while a frame is handled. */
  unread(bytes: Buffer): void;
}

/** What a throttle is made of. */
export interface PublisherThrottleOptions {
  readonly broker: Broker;
  readonly logger: Logger;
  readonly connection: ThrottledConnection;
  /** From now on each frame is shown to `hold` before it is handled; to nobody where there is none. */
  readonly showFrames: (hold: PublisherThrottle | null) => void;
  /** Called when a client that publishes is blocked by an alarm, and when it is free, for clients that can be told. */
  readonly tell?: (blocked: boolean) => void;
}

/**
 * Keeps a connection from publishing while a resource alarm is on, or the medium cannot keep up. Whoever consumes,
 * acknowledges or asks is served all the while, whether it has published before or not:
 *
 *     free ──alarm──▶ watching ──publish──▶ holding ──more than is held──▶ stopped
 *       ▲                │                     │                              │
 *       └──── over ──────┴──── over, and what is held is handled first ───────┘
 *
 * A session makes one with its first publish, or when an alarm is on.
 */
export class PublisherThrottle implements TurnWaiter {
  readonly #options: PublisherThrottleOptions;
  readonly #broker: Broker;
  readonly #connection: ThrottledConnection;
  /** Null while no alarm is on. */
  #frames: HeldFrames | null = null;
  #publishes = false;
  #told = false;
  #stopped = false;
  #released = false;
  #freeing = false;
  #held: (() => void) | null = null;

  constructor(options: PublisherThrottleOptions) {
    this.#options = options;
    this.#broker = options.broker;
    this.#connection = options.connection;
  }

  /** The client has published: looks at the medium, too, from now on. */
  published(): void {
    this.#publishes = true;
    this.look();
    const broker = this.#broker;
    const hold = broker.holdsPublisher();
    if (hold === null || this.#held !== null) return;
    this.#connection.stop(stopReasons.held);
    this.#held = broker.whenPublishersFree(() => {
      this.#held = null;
      this.#connection.proceed(stopReasons.held);
    }, hold);
  }

  /** Looks at the alarms: whenever they have changed. */
  look(): void {
    if (this.#released) return;
    if (!this.#broker.alarms.blocked) this.#free();
    else {
      if (this.#frames === null) this.#watch();
      if (this.#publishes) this.#block();
    }
  }

  /**
   * Shown a frame during an alarm: true where it is held, and must not be handled now. `lane` as `HeldFrames` has it;
   * the frame is whole in `bytes`.
   */
  holds(kind: FrameKind, lane: number, bytes: Buffer, start: number, end: number): boolean {
    const frames = this.#frames;
    if (frames === null || kind === "passes") return false;
    if (kind === "publish") {
      this.#publishes = true;
      this.#block();
    } else if (!frames.mustWait(lane)) return false;
    if (kind === "last") {
      this.#stop();
      // Behind its goodbye a client closes the stream: what it left here would be dropped.
      if (this.#connection.putBack(Buffer.from(bytes.subarray(start, end)))) return true;
    }
    frames.add(lane, bytes, start, end);
    if (frames.full) this.#stop();
    return true;
  }

  /** For the turn: what was held is handled. */
  takeTurn(): void {
    this.#freeing = false;
    const frames = this.#frames;
    if (this.#released || frames === null || this.#broker.alarms.blocked) return;
    const connection = this.#connection;
    this.#frames = null;
    this.#options.showFrames(null);
    if (this.#told) this.#options.tell?.(false);
    this.#told = false;
    // Stopped meanwhile, so that the first bytes that are handled are the held ones.
    connection.stop(stopReasons.blocked);
    if (frames.bytes > 0) connection.unread(frames.take());
    this.#stopped = false;
    connection.proceed(stopReasons.blocked);
  }

  /** The session is over: what it holds is dropped. */
  release(): void {
    this.#released = true;
    this.#held?.();
    this.#held = null;
    if (this.#frames === null) return;
    this.#frames.take();
    this.#frames = null;
    this.#options.showFrames(null);
  }

  #watch(): void {
    const { limits, heldTotal } = this.#broker;
    this.#frames = new HeldFrames(limits, heldTotal);
    this.#options.showFrames(this);
  }

  #block(): void {
    if (this.#told) return;
    this.#told = true;
    const fields = { peer: this.#connection.peer, reason: this.#broker.alarms.reason };
    this.#options.logger.info(fields, "publishing connection blocked");
    this.#options.tell?.(true);
  }

  #stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#connection.stop(stopReasons.blocked);
  }

  /** In a turn of its own: an alarm may end while a frame of this very connection is handled. */
  #free(): void {
    if (this.#frames === null || this.#freeing) return;
    this.#freeing = true;
    this.#broker.turn.wait(this);
  }
}
