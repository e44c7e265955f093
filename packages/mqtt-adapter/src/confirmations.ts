import type { AcknowledgementType } from "./packet-types.ts";

const firstEntries = 32;

/**
 * What a client is told about its publishes once they are durable, in the order in which they came ([MQTT-4.6.0-2],
 * [MQTT-4.6.0-3]): a ring with one entry for each confirm that the channel was asked for, numbered as the channel numbers
 * them.
 *
 *     confirm      7         8         9        10
 *     entry     PUBACK 3  PUBREC 9  PUBACK 4  PUBCOMP 8        packet identifier | type << 16 | reason code << 20
 */
export class Confirmations {
  #entries = new Int32Array(0);
  /** The number of the oldest confirm that has not come. */
  #base = 1;
  #next = 1;
  #pubackCount = 0;
  /** Filled by `take`. */
  type: AcknowledgementType = 4;
  packetId = 0;
  reasonCode = 0;

  /** Confirms that have not come. */
  get count(): number {
    return this.#next - this.#base;
  }

  /** PUBACKs among them. */
  get pubackCount(): number {
    return this.#pubackCount;
  }

  /** Enters what is written when the channel's next confirm comes. */
  expect(type: AcknowledgementType, packetId: number, reasonCode: number): void {
    if (this.count === this.#entries.length) this.#grow();
    this.#entries[this.#next++ & (this.#entries.length - 1)] = packetId | (type << 16) | (reasonCode << 20);
    if (type === 4) this.#pubackCount++;
  }

  /** Takes the oldest entry into `type`, `packetId` and `reasonCode`; false where none is left up to `sequence`. */
  take(sequence: number): boolean {
    if (this.#base > sequence || this.#base === this.#next) return false;
    const entry = this.#entries[this.#base++ & (this.#entries.length - 1)] as number;
    this.packetId = entry & 0xffff;
    this.type = ((entry >>> 16) & 0xf) as AcknowledgementType;
    this.reasonCode = entry >>> 20;
    if (this.type === 4) this.#pubackCount--;
    return true;
  }

  #grow(): void {
    const old = this.#entries;
    const entries = new Int32Array(Math.max(firstEntries, old.length * 2));
    for (let sequence = this.#base; sequence < this.#next; sequence++) {
      entries[sequence & (entries.length - 1)] = old[sequence & (old.length - 1)] as number;
    }
    this.#entries = entries;
  }
}
