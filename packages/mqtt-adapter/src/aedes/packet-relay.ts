import type { TurnBudget } from "@jackalope/core/adapter";
import type { PacketHold } from "../codec.ts";

/** So much aedes is given at a time: it handles all of it before anybody else has a turn. */
const packetsMax = 32;
const bytesMax = 4 * 1024;
/** What aedes takes for a packet, in units of the turn's budget, about. */
const packetUnits = 40;

const noBytes: Buffer = Buffer.alloc(0);

/** Who is given packets. */
export interface RelayTarget {
  /** Takes whole packets, which do not change afterwards. */
  take(packets: Buffer): void;
}

/** Passes on the packets that the decoder has cut and the session has let through, as they came, several at a time. */
export class PacketRelay implements PacketHold {
  /** Says which packets wait; null while none does. */
  hold: PacketHold | null = null;
  readonly #budget: TurnBudget;
  readonly #target: RelayTarget;
  /** The packet at hand. */
  #bytes: Buffer = noBytes;
  #start = 0;
  #end = 0;
  /** Packets that lie side by side, and are passed on together. */
  #run: Buffer = noBytes;
  #runStart = 0;
  #runEnd = 0;
  #runPackets = 0;

  constructor(budget: TurnBudget, target: RelayTarget) {
    this.#budget = budget;
    this.#target = target;
  }

  holds(type: number, bytes: Buffer, start: number, end: number): boolean {
    if (this.hold !== null && this.hold.holds(type, bytes, start, end)) return true;
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
    return false;
  }

  /** The bytes of the packet at hand. */
  get packet(): Buffer {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  /** The packet at hand is good. */
  pass(): void {
    const bytes = this.#bytes;
    if (this.#run !== bytes || this.#runEnd !== this.#start) {
      this.flush();
      this.#run = bytes;
      this.#runStart = this.#start;
    }
    this.#runEnd = this.#end;
    this.#runPackets++;
    this.#budget.left -= packetUnits;
    if (this.#runPackets >= packetsMax || this.#runEnd - this.#runStart >= bytesMax) this.flush();
  }

  /** Passes on what is gathered. */
  flush(): void {
    this.#bytes = noBytes;
    if (this.#runPackets === 0) return;
    const packets = this.#run.subarray(this.#runStart, this.#runEnd);
    this.#run = noBytes;
    this.#runPackets = 0;
    this.#target.take(packets);
  }
}
