import type { AedesPacket } from "./packet.ts";

/** A packet that waits for its client, or for its client's acknowledgement. */
export interface OutgoingEntry {
  /** Place in the order, over all clients. */
  readonly sequence: number;
  packet: AedesPacket;
  /** Topic and payload, which is what counts against the bound. */
  readonly bytes: number;
}

/** The packets of one client in their order, found by the copy that they are and by their packet identifier. */
export class OutgoingQueue {
  readonly #entries = new Map<number, OutgoingEntry>();
  readonly #byCopy = new Map<string, OutgoingEntry>();
  readonly #byMessageId = new Map<number, OutgoingEntry>();
  bytes = 0;

  get count(): number {
    return this.#entries.size;
  }

  get oldest(): OutgoingEntry | undefined {
    return this.#entries.values().next().value;
  }

  [Symbol.iterator](): Iterator<OutgoingEntry> {
    return this.#entries.values();
  }

  add(entry: OutgoingEntry): void {
    this.#entries.set(entry.sequence, entry);
    this.bytes += entry.bytes;
    const copy = copyOf(entry.packet);
    if (copy !== null) this.#byCopy.set(copy, entry);
    const { messageId } = entry.packet;
    if (messageId !== undefined) this.#byMessageId.set(messageId, entry);
  }

  /** The entry that is this copy of this message; null for packets that are not told apart so. */
  findCopy(packet: AedesPacket): OutgoingEntry | null {
    const copy = copyOf(packet);
    return copy === null ? null : (this.#byCopy.get(copy) ?? null);
  }

  findMessageId(messageId: number | undefined): OutgoingEntry | null {
    return messageId === undefined ? null : (this.#byMessageId.get(messageId) ?? null);
  }

  /** The entry goes by this packet identifier from now on. */
  identify(entry: OutgoingEntry, messageId: number | undefined): void {
    this.#forgetMessageId(entry);
    entry.packet.messageId = messageId;
    if (messageId !== undefined) this.#byMessageId.set(messageId, entry);
  }

  /** Another packet takes the place of the entry's, under the same packet identifier. */
  replace(entry: OutgoingEntry, packet: AedesPacket): void {
    const copy = copyOf(entry.packet);
    if (copy !== null && this.#byCopy.get(copy) === entry) this.#byCopy.delete(copy);
    entry.packet = packet;
  }

  remove(entry: OutgoingEntry): void {
    if (!this.#entries.delete(entry.sequence)) return;
    this.bytes -= entry.bytes;
    this.#forgetMessageId(entry);
    const copy = copyOf(entry.packet);
    if (copy !== null && this.#byCopy.get(copy) === entry) this.#byCopy.delete(copy);
  }

  #forgetMessageId(entry: OutgoingEntry): void {
    const { messageId } = entry.packet;
    if (messageId !== undefined && this.#byMessageId.get(messageId) === entry) this.#byMessageId.delete(messageId);
  }
}

/** `brokerId` and `brokerCounter`, which one copy of a message has in common wherever it is. */
function copyOf(packet: AedesPacket): string | null {
  const { brokerId, brokerCounter } = packet;
  return brokerId === undefined || brokerId === "" ? null : `${brokerCounter} ${brokerId}`;
}
