import type { AedesLimits } from "./limits.ts";
import { type AedesPacket, queuedPacket } from "./packet.ts";
import { decodePacket, encodePacket } from "./packet-record.ts";
import type { RecordWriter } from "./record-writer.ts";

const kind = "aedes-incoming";

/** Publishes of QoS 2 that were taken and not released yet, by client and packet identifier. */
export class IncomingPackets {
  readonly #byClient = new Map<string, Map<number, AedesPacket>>();
  readonly #writer: RecordWriter;
  readonly #limits: AedesLimits;

  constructor(writer: RecordWriter, limits: AedesLimits) {
    this.#writer = writer;
    this.#limits = limits;
    writer.claimEach(kind, (name, value) => {
      const [clientId, messageId] = JSON.parse(name) as [string, number];
      this.#of(clientId).set(messageId, decodePacket(value));
    });
  }

  /** Throws where the client has `receiveMaximum` of them already. */
  store(clientId: string, packet: AedesPacket): void {
    const { messageId } = packet;
    if (messageId === undefined) throw new Error("a packet of QoS 2 without an identifier");
    const own = this.#of(clientId);
    const { receiveMaximum } = this.#limits;
    if (own.size >= receiveMaximum && !own.has(messageId)) {
      throw new Error(`client '${clientId}' has ${receiveMaximum} publishes of QoS 2 unreleased (receiveMaximum)`);
    }
    const stored = { ...queuedPacket(packet, packet.qos ?? 2), messageId };
    own.set(messageId, stored);
    // The packet is remembered for its identifier: it is published at once, and that has the payload.
    const facts = { ...stored, payload: Buffer.alloc(0) };
    this.#writer.put(kind, recordName(clientId, messageId), () => encodePacket(facts));
  }

  get(clientId: string, messageId: number | undefined): AedesPacket | undefined {
    return messageId === undefined ? undefined : this.#byClient.get(clientId)?.get(messageId);
  }

  /** False where there is none. */
  remove(clientId: string, messageId: number | undefined): boolean {
    const own = this.#byClient.get(clientId);
    if (messageId === undefined || own?.delete(messageId) !== true) return false;
    if (own.size === 0) this.#byClient.delete(clientId);
    this.#writer.remove(kind, recordName(clientId, messageId));
    return true;
  }

  removeAll(clientId: string): void {
    for (const messageId of [...(this.#byClient.get(clientId)?.keys() ?? [])]) this.remove(clientId, messageId);
  }

  get clientIds(): Iterable<string> {
    return this.#byClient.keys();
  }

  #of(clientId: string): Map<number, AedesPacket> {
    let own = this.#byClient.get(clientId);
    if (own === undefined) this.#byClient.set(clientId, (own = new Map()));
    return own;
  }
}

function recordName(clientId: string, messageId: number): string {
  return JSON.stringify([clientId, messageId]);
}
