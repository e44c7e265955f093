import type { DeathReason } from "./queue/dead-letter.ts";

/**
 * Why a message ended without a consumer or a dead-letter exchange having it. `overload`: a consumer was too slow
 * for transient messages (`x-max-transient-length`); `oversized`: the client takes no message of that size;
 * `undeliverable`: a fault of the broker kept it from its consumers.
 */
export type DropReason =
  | "unroutable"
  | "expired"
  | "maxlen"
  | "rejected"
  | "delivery_limit"
  | "cycle"
  | "purged"
  | "overload"
  | "oversized"
  | "undeliverable";

/** Counters since the broker opened. Plain fields: the message path adds to them, /metrics reads them. */
export class Totals {
  published = 0;
  confirmed = 0;
  refused = 0;
  returned = 0;
  delivered = 0;
  redelivered = 0;
  acknowledged = 0;
  connectionsOpened = 0;
  connectionsClosed = 0;
  channelsOpened = 0;
  channelsClosed = 0;
  readonly deadLettered: Record<DeathReason, number> = { rejected: 0, expired: 0, maxlen: 0, delivery_limit: 0 };
  readonly dropped: Record<DropReason, number> = {
    unroutable: 0,
    expired: 0,
    maxlen: 0,
    rejected: 0,
    delivery_limit: 0,
    cycle: 0,
    purged: 0,
    overload: 0,
    oversized: 0,
    undeliverable: 0,
  };
}
