import type { Totals } from "@jackalope/core/adapter";
import type { Qos } from "../mapping.ts";
import type { AedesLimits } from "./limits.ts";
import { OutgoingQueue, type OutgoingEntry } from "./outgoing-queue.ts";
import { type AedesPacket, queuedPacket } from "./packet.ts";
import { decodePacket, encodePacket } from "./packet-record.ts";
import type { RecordWriter } from "./record-writer.ts";

const kind = "aedes-outgoing";

/**
 * What waits for each client of QoS 1 and 2. A queue that reaches `sessionMessagesMax` or `sessionBytesMax` loses its
 * oldest packets, which are counted as dropped.
 */
export class OutgoingPackets {
  readonly #queues = new Map<string, OutgoingQueue>();
  readonly #writer: RecordWriter;
  readonly #limits: AedesLimits;
  readonly #totals: Totals;
  #lastSequence = 0;

  constructor(writer: RecordWriter, limits: AedesLimits, totals: Totals) {
    this.#writer = writer;
    this.#limits = limits;
    this.#totals = totals;
    const stored: { clientId: string; sequence: number; packet: AedesPacket }[] = [];
    writer.claimEach(kind, (name, value) => {
      const [clientId, sequence] = JSON.parse(name) as [string, number];
      stored.push({ clientId, sequence, packet: decodePacket(value) });
    });
    stored.sort((one, other) => one.sequence - other.sequence);
    for (const { clientId, sequence, packet } of stored) this.#add(clientId, sequence, packet);
  }

  /** Puts a copy of the packet into the queue of a client whose subscription grants `qosMax`. */
  enqueue(clientId: string, original: AedesPacket, qosMax: Qos): void {
    const qos = Math.min(original.qos ?? 0, qosMax) as Qos;
    const packet = queuedPacket(original, qos);
    const sequence = this.#lastSequence + 1;
    const queue = this.#add(clientId, sequence, packet);
    this.#writer.put(kind, recordName(clientId, sequence), () => encodePacket(packet));
    const { sessionMessagesMax, sessionBytesMax } = this.#limits;
    while (queue.count > sessionMessagesMax || (queue.bytes > sessionBytesMax && queue.count > 1)) {
      this.#totals.dropped.maxlen++;
      this.#remove(clientId, queue, queue.oldest as OutgoingEntry);
    }
  }

  /**
   * A packet is about to be sent under an identifier, or a PUBREL takes the place of the packet with the same one. False
   * where there is no such packet.
   */
  update(clientId: string, packet: AedesPacket): boolean {
    const queue = this.#queues.get(clientId);
    if (queue === undefined) return false;
    const copy = queue.findCopy(packet);
    const entry = copy ?? queue.findMessageId(packet.messageId);
    if (entry === null) return false;
    if (copy !== null) queue.identify(entry, packet.messageId);
    else queue.replace(entry, packet);
    this.#writer.put(kind, recordName(clientId, entry.sequence), () => encodePacket(entry.packet));
    return true;
  }

  /** Takes the packet with this identifier out; undefined where there is none. */
  clear(clientId: string, messageId: number | undefined): AedesPacket | undefined {
    const queue = this.#queues.get(clientId);
    const entry = queue?.findMessageId(messageId);
    if (queue === undefined || entry === null || entry === undefined) return undefined;
    this.#remove(clientId, queue, entry);
    return entry.packet;
  }

  /** What waits now, in order. */
  of(clientId: string): readonly AedesPacket[] {
    return [...(this.#queues.get(clientId) ?? [])].map((entry) => entry.packet);
  }

  get clientIds(): Iterable<string> {
    return this.#queues.keys();
  }

  removeAll(clientId: string): void {
    const queue = this.#queues.get(clientId);
    if (queue !== undefined) for (const entry of [...queue]) this.#remove(clientId, queue, entry);
  }

  #add(clientId: string, sequence: number, packet: AedesPacket): OutgoingQueue {
    this.#lastSequence = sequence;
    let queue = this.#queues.get(clientId);
    if (queue === undefined) this.#queues.set(clientId, (queue = new OutgoingQueue()));
    const bytes = Buffer.byteLength(packet.topic ?? "") + Buffer.byteLength(packet.payload ?? "");
    queue.add({ sequence, packet, bytes });
    return queue;
  }

  #remove(clientId: string, queue: OutgoingQueue, entry: OutgoingEntry): void {
    queue.remove(entry);
    if (queue.count === 0) this.#queues.delete(clientId);
    this.#writer.remove(kind, recordName(clientId, entry.sequence));
  }
}

function recordName(clientId: string, sequence: number): string {
  return JSON.stringify([clientId, sequence]);
}
