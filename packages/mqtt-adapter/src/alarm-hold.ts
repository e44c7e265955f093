import type { FrameKind, PublisherThrottle } from "@jackalope/core/adapter";
import type { PacketHold } from "./codec.ts";
import { packetTypes } from "./packet-types.ts";

/** What an alarm makes of each packet; what is not here waits behind a publish. */
const packetKinds: ReadonlyMap<number, FrameKind> = new Map([
  [packetTypes.publish, "publish"],
  [packetTypes.puback, "passes"],
  [packetTypes.pubrec, "passes"],
  [packetTypes.pubrel, "passes"],
  [packetTypes.pubcomp, "passes"],
  [packetTypes.pingreq, "passes"],
  [packetTypes.disconnect, "last"],
]);

/** The connection whose packets are held. */
export interface HeldWire {
  /** Who shows its packets. */
  readonly decoder: { hold: PacketHold | null };
  /** Publishes of the client wait for the end of an alarm, or do so no more. */
  holding(holds: boolean): void;
}

/** Shows packets to the throttle during an alarm, all in one order. */
export class AlarmHold implements PacketHold {
  readonly #wire: HeldWire;
  #throttle: PublisherThrottle | null = null;
  /** The reason code of a DISCONNECT that is held, null where there is none. */
  goodbye: number | null = null;

  constructor(wire: HeldWire) {
    this.#wire = wire;
  }

  /** From now on the decoder shows what it reads, for `throttle`; to nobody where there is none. */
  showFrames(throttle: PublisherThrottle | null): void {
    if (throttle === null) this.#wire.holding(false);
    this.#throttle = throttle;
    this.#wire.decoder.hold = throttle === null ? null : this;
  }

  holds(type: number, bytes: Buffer, start: number, end: number): boolean {
    const kind = packetKinds.get(type) ?? "waits";
    if (this.#throttle === null || !this.#throttle.holds(kind, 0, bytes, start, end)) return false;
    this.#wire.holding(true);
    // 3.14.2.1: without a reason code it is 0, a normal disconnection.
    if (type === packetTypes.disconnect) this.goodbye = bytes[start + 1] === 0 ? 0 : (bytes[start + 2] as number);
    return true;
  }
}
