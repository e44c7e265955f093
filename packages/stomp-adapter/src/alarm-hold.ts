import { type FrameKind, type PublisherThrottle, type ThrottledConnection } from "@jackalope/core/adapter";
import type { FrameHold } from "./codec.ts";
import type { StompConnection } from "./connection.ts";
import type { FrameHead } from "./frame-head.ts";
import { headerNames } from "./header-names.ts";
import type { Transactions } from "./transactions.ts";

/** The connection as its throttle sees it: frames in one order, shown by the decoder during an alarm. */
export class AlarmHold implements ThrottledConnection, FrameHold {
  readonly peer: string;
  readonly #wire: StompConnection;
  readonly #transactions: Transactions;
  #throttle: PublisherThrottle | null = null;

  constructor(wire: StompConnection, transactions: Transactions) {
    this.peer = wire.peer;
    this.#wire = wire;
    this.#transactions = transactions;
  }

  stop(reason: number): void {
    this.#wire.stop(reason);
  }

  proceed(reason: number): void {
    this.#wire.proceed(reason);
  }

  putBack(bytes: Buffer): boolean {
    return this.#wire.putBack(bytes);
  }

  unread(bytes: Buffer): void {
    this.#wire.unread(bytes);
  }

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
