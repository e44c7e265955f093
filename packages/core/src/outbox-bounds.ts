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
