import type { Message } from "@jackalope/core/adapter";
import type { PublishPacket } from "./publish-packet.ts";

const noBytes = Buffer.alloc(0);

/**
 * The packet of the message that is being published at this moment. A subscriber that speaks the same protocol and gets
 * the message at once gets these very bytes: one copy instead of a packet put together from its parts. There is one, as
 * publishing is synchronous.
 */
export class ArrivingPacket {
  /** Null where the packet is none that may leave as it came. */
  message: Message | null = null;
  /** True where it is of MQTT 5. */
  hasProperties = false;
  bytes: Buffer = noBytes;
  start = 0;
  end = 0;
  #view: Uint8Array | null = null;

  begin(message: Message, packet: PublishPacket, hasProperties: boolean): void {
    this.message = message;
    this.hasProperties = hasProperties;
    this.bytes = packet.bytes;
    this.start = packet.packetStart;
    this.end = packet.bodyEnd;
    this.#view = null;
  }

  /** Lets go of the bytes. */
  finish(): void {
    this.message = null;
    this.bytes = noBytes;
    this.#view = null;
  }

  /** The packet. Made once for all who get it. */
  get view(): Uint8Array {
    return (this.#view ??= new Uint8Array(
      this.bytes.buffer,
      this.bytes.byteOffset + this.start,
      this.end - this.start,
    ));
  }
}

export const arrivingPacket: ArrivingPacket = new ArrivingPacket();
