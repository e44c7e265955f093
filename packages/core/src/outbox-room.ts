import { defaultLimits, type Limits } from "./limits.ts";

export type OutboxRoomLimits = Pick<Limits, "outboxTotalBytesMax" | "outboxBytesMin">;

/**
 * Memory that the outboxes of all connections have handed to their sockets and not got back, by the size of the buffers.
 * Each connection has a bound of its own, which many that do not read at once must not multiply.
 */
export class OutboxRoom {
  /** What has not left yet. */
  bytes = 0;
  /** What each connection may have waiting even where there is no room. */
  readonly bytesMin: number;
  readonly #bytesMax: number;

  constructor(limits: OutboxRoomLimits = defaultLimits) {
    this.#bytesMax = limits.outboxTotalBytesMax;
    this.bytesMin = limits.outboxBytesMin;
  }

  /** True where all have so much waiting together that each gets only its least. */
  get scarce(): boolean {
    return this.bytes >= this.#bytesMax;
  }
}
