import type { AedesLimits } from "./limits.ts";
import type { AedesPacket } from "./packet.ts";
import { decodePacket, encodePacket } from "./packet-record.ts";
import type { RecordWriter } from "./record-writer.ts";

const kind = "aedes-will";

/** The wills of connected clients, and of those that were connected when the broker died. */
export class StoredWills {
  readonly #byClient = new Map<string, AedesPacket>();
  readonly #writer: RecordWriter;
  readonly #limits: AedesLimits;

  constructor(writer: RecordWriter, limits: AedesLimits) {
    this.#writer = writer;
    this.#limits = limits;
    writer.claimEach(kind, (clientId, value) => this.#byClient.set(clientId, decodePacket(value)));
  }

  /** Throws where there are `sessionsMax` already. */
  put(clientId: string, will: AedesPacket): void {
    const { sessionsMax } = this.#limits;
    if (this.#byClient.size >= sessionsMax && !this.#byClient.has(clientId)) {
      throw new Error(`${sessionsMax} clients have a will already (sessionsMax)`);
    }
    this.#byClient.set(clientId, will);
    this.#writer.put(kind, clientId, () => encodePacket(will));
  }

  get(clientId: string): AedesPacket | undefined {
    return this.#byClient.get(clientId);
  }

  /** Removes and returns it. */
  take(clientId: string): AedesPacket | undefined {
    const will = this.#byClient.get(clientId);
    if (this.#byClient.delete(clientId)) this.#writer.remove(kind, clientId);
    return will;
  }

  get all(): Iterable<AedesPacket> {
    return this.#byClient.values();
  }

  get clientIds(): Iterable<string> {
    return this.#byClient.keys();
  }
}
