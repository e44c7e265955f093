import type { Logger } from "./logger.ts";
import type { Outbox } from "./outbox.ts";
import { stopReasons } from "./stop-reasons.ts";

/** How much of what a client asked for it may leave unread. */
export interface OutboxBounds {
  /** A client with more than this unread is not read from either: its requests would only add to it. */
  readonly outboxStopBytes: number;
  /** A client with more than this unread is cut off. */
  readonly outboxCutBytes: number;
  /** A client that is behind and whose socket has taken nothing for so long is cut off. */
  readonly stalledTimeoutMs: number;
}

export const defaultOutboxBounds: OutboxBounds = {
  outboxStopBytes: 4 * 1024 * 1024,
  outboxCutBytes: 128 * 1024 * 1024,
  stalledTimeoutMs: 60_000,
};

/** What the bounds do to a connection. */
export interface BoundedConnection {
  readonly peer: string;
  readonly outbox: Outbox;
  /** Stops reading for `reason`, one of `stopReasons`. */
  stop(reason: number): void;
  /** Ends the stream at once. */
  destroy(): void;
}

/**
 * Looks after a chunk, or an answer that may be large: a client that does not read is asked nothing more, or cut off.
 * `stream` is what the protocol's log calls the client's end.
 */
export function checkOutbox(
  connection: BoundedConnection,
  bounds: OutboxBounds,
  logger: Logger,
  stream: "connection" | "socket" = "connection",
): void {
  const { waitingBytes } = connection.outbox;
  if (waitingBytes <= bounds.outboxStopBytes) return;
  if (waitingBytes <= bounds.outboxCutBytes) {
    connection.stop(stopReasons.outbox);
    return;
  }
  const fields = { peer: connection.peer, waitingBytes };
  logger.warn(fields, `client does not read what it asked for, closing the ${stream}`);
  connection.destroy();
}
