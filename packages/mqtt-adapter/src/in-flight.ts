import type { Lsn, Message } from "@jackalope/core/adapter";
import type { SentRecord } from "./packet-records.ts";
import { flightBytesEach, sentBytesEach } from "./session-bytes.ts";

/** Packet identifiers are 1 to 65,535 ([MQTT-2.2.1-3]). */
const packetIdMax = 0xffff;
const firstSlots = 32;

/**
 * Where a packet identifier stands.
 *
 *     free -> sending QoS 1 -> free                      PUBLISH, PUBACK
 *     free -> sending QoS 2 -> releasing -> free         PUBLISH, PUBREC; PUBREL, PUBCOMP
 */
export type FlightKind = "free" | "sending" | "releasing";

/** One packet identifier and what goes out under it. Reused from message to message. */
export class Flight {
  readonly packetId: number;
  kind: FlightKind = "free";
  qos: 1 | 2 = 1;
  /** The delivery tag, 0 where the channel has nothing to settle: the message is back in its queue, or kept here. */
  tag = 0;
  /** Null where the client has it, or where it comes from the queue again. */
  message: Message | null = null;
  /** The message comes from the queue of a shared subscription, which gives what comes back to others. */
  shared = false;
  retain = false;
  /** Subscription identifiers as they stand in the packet. */
  identifiers: Buffer | null = null;
  /** PUBLISH has left, on this connection or on one before. */
  sent = false;
  /** PUBLISH has left on this connection. */
  sentHere = false;
  /** There is a record of it. */
  recorded = false;
  /** What leaves next, PUBLISH or PUBREL, waits for this Lsn. */
  durableAt: Lsn = 0;
  /** Packets are repeated in the order in which they left first. */
  order = 0;

  constructor(packetId: number) {
    this.packetId = packetId;
  }
}

/**
 * The deliveries of one session that its client has not completed, by packet identifier. It outlives connections: what
 * was sent and not acknowledged is back in its queue then, and when it comes again it goes out under the identifier that
 * it had ([MQTT-4.4.0-1]).
 *
 * Identifiers are given out in a ring that is as long as it has to be, so that a client with little in flight costs
 * little; those in use are skipped.
 */
export class InFlight {
  #flights: (Flight | undefined)[] = [];
  /** One past the highest identifier given out; identifiers start at 1. */
  #end = 0;
  #next = 1;
  #count = 0;
  #lastOrder = 0;
  #made = 0;
  #recordedCount = 0;
  /** What went out on an earlier connection, by Lsn, or by message where it is not stored. */
  readonly #returned = new Map<Lsn | Message, Flight>();

  /** Identifiers in use. */
  get count(): number {
    return this.#count;
  }

  /** Memory that it takes, about. An identifier that was in use once stays. */
  get heldBytes(): number {
    return this.#made * flightBytesEach + this.#recordedCount * sentBytesEach;
  }

  /** Deliveries that began on an earlier connection and have not come from their queue again. */
  get returnedCount(): number {
    return this.#returned.size;
  }

  /** A free identifier for a delivery, null where all 65,535 are in use. */
  take(qos: 1 | 2): Flight | null {
    if (this.#count * 2 >= this.#end - 1 && this.#end <= packetIdMax) this.#grow();
    if (this.#count === packetIdMax) return null;
    let packetId = this.#next;
    while (this.#flights[packetId] !== undefined && this.#flights[packetId]?.kind !== "free") {
      packetId = packetId + 1 === this.#end ? 1 : packetId + 1;
    }
    this.#next = packetId + 1 === this.#end ? 1 : packetId + 1;
    return this.#begin(packetId, qos);
  }

  /** The delivery or release under this identifier, null where there is none. */
  find(packetId: number): Flight | null {
    const flight = this.#flights[packetId];
    return flight === undefined || flight.kind === "free" ? null : flight;
  }

  /** There is a record of it from now on. */
  record(flight: Flight): void {
    flight.recorded = true;
    this.#recordedCount++;
  }

  /** The client has the message: what follows is PUBREL and PUBCOMP. */
  release(flight: Flight): void {
    flight.kind = "releasing";
    flight.tag = 0;
    flight.message = null;
    flight.identifiers = null;
    flight.order = ++this.#lastOrder;
  }

  /** The identifier may be used again. */
  free(flight: Flight): void {
    flight.kind = "free";
    flight.tag = 0;
    flight.message = null;
    flight.identifiers = null;
    if (flight.recorded) this.#recordedCount--;
    flight.recorded = false;
    if (--this.#count === 0) this.#lastOrder = 0;
  }

  /** The delivery that went out on an earlier connection with this message, null where there is none. */
  takeReturned(message: Message): Flight | null {
    const key = message.lsn === 0 ? message : message.lsn;
    const flight = this.#returned.get(key);
    if (flight === undefined) return null;
    this.#returned.delete(key);
    return flight;
  }

  /** As `takeReturned` for all that are left, whose messages do not come any more. */
  takeLost(): Flight[] {
    const lost = [...this.#returned.values()];
    this.#returned.clear();
    return lost;
  }

  /** The connection is gone, and the messages that were under way on it are back in their queues. */
  disconnected(): void {
    for (const flight of this.#flights) {
      if (flight === undefined || flight.kind === "free") continue;
      flight.sentHere = false;
      if (flight.tag === 0) continue;
      const message = flight.message as Message;
      flight.tag = 0;
      flight.message = null;
      this.#returned.set(message.lsn === 0 ? message : message.lsn, flight);
    }
  }

  /** What is under way, in the order in which it left. */
  inOrder(kind: "sending" | "releasing"): Flight[] {
    const found: Flight[] = [];
    for (const flight of this.#flights) if (flight?.kind === kind) found.push(flight);
    return found.sort((left, right) => left.order - right.order);
  }

  /** Takes over what a record tells after a restart. */
  restore(packetId: number, record: SentRecord): void {
    while (this.#end <= packetId) this.#grow();
    const flight = this.#begin(packetId, 2);
    flight.sent = true;
    this.record(flight);
    if ("released" in record) {
      this.release(flight);
      // Further records go on from here, or the next restart would mix old and new ones.
      flight.order = record.released;
      this.#lastOrder = Math.max(this.#lastOrder, record.released);
    } else this.#returned.set(record.lsn, flight);
  }

  /** Identifiers with a record. */
  recordedIds(): number[] {
    const ids: number[] = [];
    for (const flight of this.#flights) if (flight?.recorded === true) ids.push(flight.packetId);
    return ids;
  }

  #begin(packetId: number, qos: 1 | 2): Flight {
    const flight = (this.#flights[packetId] ??= this.#make(packetId));
    flight.kind = "sending";
    flight.qos = qos;
    flight.sent = false;
    flight.sentHere = false;
    flight.durableAt = 0;
    flight.order = ++this.#lastOrder;
    this.#count++;
    return flight;
  }

  #make(packetId: number): Flight {
    this.#made++;
    return new Flight(packetId);
  }

  #grow(): void {
    const next = this.#end;
    this.#end = Math.min(Math.max(firstSlots, this.#end * 2), packetIdMax + 1);
    while (this.#flights.length < this.#end) this.#flights.push(undefined);
    // The new part of the ring is free.
    if (next > 0) this.#next = next;
  }
}
