import type { Lsn, VirtualHost } from "@jackalope/core/adapter";
import type { MessageState } from "./message-session.ts";

/**
 * What a persistent session keeps in the storage engine for QoS 2, a record for each exchange that is under way. The
 * names are JSON arrays of client id and packet identifier.
 *
 *     mqtt-received   stored with the published message    removed at PUBREL, before PUBCOMP leaves
 *     mqtt-sent       stored before PUBLISH leaves         {"released":ORDER} at PUBREC, before PUBREL leaves
 */
const receivedRecordKind = "mqtt-received";
const sentRecordKind = "mqtt-sent";

/**
 * A value of `mqtt-sent`: the Lsn of the message; or that the receiver has it, and a number that grows from one PUBREC to
 * the next, because engines tell records in any order and PUBRELs have one ([MQTT-4.6.0-4]).
 */
export type SentRecord = { readonly lsn: Lsn } | { readonly released: number };

const nothing = Buffer.alloc(0);

/** Writes the records of one session. */
export class PacketRecords {
  readonly #host: VirtualHost;
  readonly #namePrefix: string;

  constructor(host: VirtualHost, clientId: string) {
    this.#host = host;
    this.#namePrefix = `[${JSON.stringify(clientId)},`;
  }

  /** A QoS 2 PUBLISH came. Belongs into one `atomic` with the message. */
  received(packetId: number): Lsn {
    return this.#host.records.put(receivedRecordKind, this.#name(packetId), nothing);
  }

  /** Its PUBREL came. */
  receiptEnded(packetId: number): Lsn {
    return this.#host.records.put(receivedRecordKind, this.#name(packetId), null);
  }

  /** A QoS 2 PUBLISH with the stored message `lsn` is about to leave. */
  sent(packetId: number, lsn: Lsn): Lsn {
    return this.#host.records.put(sentRecordKind, this.#name(packetId), Buffer.from(`{"lsn":${lsn}}`));
  }

  /** Its PUBREC came, as the one after `order - 1`. Belongs into one `atomic` with the acknowledgement. */
  released(packetId: number, order: number): Lsn {
    return this.#host.records.put(sentRecordKind, this.#name(packetId), Buffer.from(`{"released":${order}}`));
  }

  /** Its PUBCOMP came. */
  deliveryEnded(packetId: number): Lsn {
    return this.#host.records.put(sentRecordKind, this.#name(packetId), null);
  }

  #name(packetId: number): string {
    return `${this.#namePrefix}${packetId}]`;
  }
}

/**
 * Hands what was stored before the start to its sessions; what belongs to none is removed. Call once a virtual host,
 * when its sessions are restored.
 */
export function restorePacketRecords(
  host: VirtualHost,
  find: (clientId: string) => MessageState | undefined,
  unread: readonly string[] = [],
): void {
  const each = (kind: string, take: (state: MessageState, packetId: number, value: Uint8Array) => void): void => {
    host.records.claimEach(kind, (name, value) => {
      const [clientId, packetId] = JSON.parse(name) as [string, number];
      const state = find(clientId);
      if (state !== undefined) take(state, packetId, value);
      else if (!unread.includes(clientId)) host.records.put(kind, name, null);
    });
  };
  each(receivedRecordKind, (state, packetId) => state.received.add(packetId));
  each(sentRecordKind, (state, packetId, value) => {
    state.inFlight.restore(packetId, JSON.parse(Buffer.from(value).toString()) as SentRecord);
  });
}

/** Removes the records of a session that ends. */
export function removePacketRecords(state: MessageState): void {
  const records = new PacketRecords(state.host, state.clientId);
  for (const packetId of state.received) records.receiptEnded(packetId);
  for (const packetId of state.inFlight.recordedIds()) records.deliveryEnded(packetId);
}
