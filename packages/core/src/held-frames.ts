import type { Limits } from "./limits.ts";

/** What an alarm makes of a frame. */
export type FrameKind =
  /** Takes effect on memory or disk: waits for the end of the alarm. */
  | "publish"
  /** Is handled at once, whatever waits before it: acknowledgements, and what asks for nothing that could grow. */
  | "passes"
  /** Is handled in its order: at once where nothing waits before it. */
  | "waits"
  /** Is handled in its order, and nothing comes behind it. */
  | "last";

/** What all connections of a broker hold in bytes. */
export class HeldTotal {
  bytes = 0;
}

const firstBytes = 4 * 1024;
const noBytes = Buffer.alloc(0);

/**
 * The frames of one connection that wait for the end of an alarm, as they came. They are bounded, and beyond that the
 * connection is not read from; up to there acknowledgements behind them are seen, without which a client that publishes and
 * consumes could never help to end the alarm.
 *
 *     came    | publish 1 | ack 1 | publish 2 | declare 2 | declare 1 | get 2 |        (with their lanes)
 *     held    | publish 1 | publish 2 | declare 2 | declare 1 |
 *     at once | ack 1 | get 2 |
 *
 * A lane is what keeps an order of its own: a channel of AMQP. Lane 0 is the connection, and waits for all of them.
 */
export class HeldFrames {
  readonly #limits: Limits;
  readonly #total: HeldTotal;
  readonly #lanes = new Set<number>();
  #buffer: Buffer = noBytes;
  #bytes = 0;

  constructor(limits: Limits, total: HeldTotal) {
    this.#limits = limits;
    this.#total = total;
  }

  /** Bytes of frames that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** True where no more should come. A connection may hold a little even where all together have reached their bound. */
  get full(): boolean {
    const { heldBytesMax, heldBytesMin, heldTotalBytesMax } = this.#limits;
    if (this.#bytes >= heldBytesMax) return true;
    return this.#total.bytes >= heldTotalBytesMax && this.#bytes >= heldBytesMin;
  }

  /** True where a frame that is no publish has to wait for what came before it in its lane. */
  mustWait(lane: number): boolean {
    return lane === 0 ? this.#bytes > 0 : this.#lanes.has(lane);
  }

  /** Takes a copy of a whole frame. */
  add(lane: number, bytes: Buffer, start: number, end: number): void {
    const neededBytes = this.#bytes + end - start;
    if (neededBytes > this.#buffer.length) this.#grow(neededBytes);
    bytes.copy(this.#buffer, this.#bytes, start, end);
    this.#total.bytes += end - start;
    this.#bytes = neededBytes;
    this.#lanes.add(lane);
  }

  /** Hands over everything, in the order in which it came. */
  take(): Buffer {
    const taken = this.#buffer.subarray(0, this.#bytes);
    this.#total.bytes -= this.#bytes;
    this.#buffer = noBytes;
    this.#bytes = 0;
    this.#lanes.clear();
    return taken;
  }

  #grow(neededBytes: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(firstBytes, neededBytes, 2 * this.#buffer.length));
    this.#buffer.copy(larger, 0, 0, this.#bytes);
    this.#buffer = larger;
  }
}
