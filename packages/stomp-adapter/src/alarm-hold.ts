import type { FrameKind, PublisherThrottle } from "@jackalope/core/adapter";
import type { FrameHold } from "./codec.ts";
import type { StompConnection } from "./connection.ts";
import type { FrameHead } from "./frame-head.ts";
import { headerNames } from "./header-names.ts";
import type { Transactions } from "./transactions.ts";

/** Shows frames to the throttle during an alarm, all in one order. */
export class AlarmHold implements FrameHold {
  readonly #wire: StompConnection;
  readonly #transactions: Transactions;
  #throttle: PublisherThrottle | null = null;

  constructor(wire: StompConnection, transactions: Transactions) {
    this.#wire = wire;
    this.#transactions = transactions;
  }

  /** From now on the decoder shows what it reads, for `throttle`; to nobody where there is none. */
  showFrames(throttle: PublisherThrottle | null): void {
    this.#throttle = throttle;
    this.#wire.decoder.hold = throttle === null ? null : this;
  }

  holds(head: FrameHead | null, bytes: Buffer, start: number, end: number): boolean {
    const kind = head === null ? "publish" : this.#kindOf(head);
    return this.#throttle !== null && this.#throttle.holds(kind, 0, bytes, start, end);
  }

  /** An ACK or NACK of a transaction is a part of it; its COMMIT waits where there are publishes in it. */
  #kindOf(head: FrameHead): FrameKind {
    switch (head.command) {
      case "SEND":
        return "publish";
      case "ACK":
      case "NACK":
        return head.find(headerNames.transaction) < 0 ? "passes" : "waits";
      case "COMMIT":
        return this.#transactions.publishCountOf(head) > 0 ? "publish" : "waits";
      case "DISCONNECT":
        return "last";
      default:
        return "waits";
    }
  }
}
