import type { Broker } from "./broker.ts";
import type { Logger } from "./logger.ts";
import { stopReasons } from "./stop-reasons.ts";

/** What a throttle does to its connection. */
export interface ThrottledConnection {
  readonly peer: string;
  /** Stops reading for `reason`, one of `stopReasons`. */
  stop(reason: number): void;
  /** `reason` is over. */
  proceed(reason: number): void;
}

/**
 * Keeps a connection that publishes from being read while a resource alarm is on, or the medium cannot keep up. A session
 * makes it with its first publish: who only consumes is never held up.
 */
export class PublisherThrottle {
  readonly #broker: Broker;
  readonly #logger: Logger;
  readonly #connection: ThrottledConnection;
  readonly #tell: (blocked: boolean) => void;
  #blocked = false;
  #held: (() => void) | null = null;

  /** `tell` is called before the connection is stopped by an alarm and before it goes on, for clients that can be told. */
  constructor(
    broker: Broker,
    logger: Logger,
    connection: ThrottledConnection,
    tell: (blocked: boolean) => void = () => {},
  ) {
    this.#broker = broker;
    this.#logger = logger;
    this.#connection = connection;
    this.#tell = tell;
  }

  /** Looks at alarms and medium: after what the client published, and whenever the alarms have changed. */
  look(): void {
    const broker = this.#broker;
    if (broker.alarms.blocked !== this.#blocked) this.#setBlocked(broker.alarms.blocked);
    const hold = broker.holdsPublisher();
    if (hold === null || this.#held !== null) return;
    this.#connection.stop(stopReasons.held);
    this.#held = broker.whenPublishersFree(() => {
      this.#held = null;
      this.#connection.proceed(stopReasons.held);
    }, hold);
  }

  /** The session is over. */
  release(): void {
    this.#held?.();
    this.#held = null;
  }

  #setBlocked(blocked: boolean): void {
    this.#blocked = blocked;
    if (blocked) {
      const fields = { peer: this.#connection.peer, reason: this.#broker.alarms.reason };
      this.#logger.info(fields, "publishing connection blocked");
    }
    this.#tell(blocked);
    if (blocked) this.#connection.stop(stopReasons.blocked);
    else this.#connection.proceed(stopReasons.blocked);
  }
}
