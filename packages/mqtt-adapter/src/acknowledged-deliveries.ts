import type { Channel, DurabilityWaiter, Lsn, Message, Outbox, Store } from "@jackalope/core/adapter";
import type { DeliveryWriter } from "./delivery-writer.ts";
import type { Flight, InFlight } from "./in-flight.ts";
import type { LateSettlements } from "./late-settlements.ts";
import type { MessageState } from "./message-session.ts";
import { PacketRecords } from "./packet-records.ts";
import { packetTypes } from "./packet-types.ts";
import { writeAcknowledgement } from "./packet-writer.ts";
import { reasonCodes } from "./reason-codes.ts";
import type { Version } from "./version.ts";

/** What the deliveries of QoS 1 and 2 share with the others of their connection. */
export interface AcknowledgedParts {
  readonly outbox: Outbox;
  readonly version: Version;
  readonly writer: DeliveryWriter;
  readonly settlements: LateSettlements;
  /** Deliveries under way at a time. */
  readonly inFlightMax: number;
  /** A message was not sent because the client does not take its size. */
  oversized(): void;
}

/** A delivery that the client has no room for yet. */
interface WaitingDelivery {
  readonly message: Message;
  readonly tag: number;
  readonly qos: 1 | 2;
  readonly retain: boolean;
  readonly identifiers: Buffer | null;
  readonly shared: boolean;
  /** It went out on an earlier connection. */
  readonly flight: Flight | null;
}

/** Reason codes from here on are failures. */
const failure = 0x80;

/**
 * Deliveries of QoS 1 and 2 on one connection.
 *
 *     waiting   the client's receive maximum is used up: in order of arrival
 *     held      QoS 2 of a persistent session: PUBLISH leaves when the record of its packet identifier is durable,
 *               PUBREL when it is durable that the client has the message
 *     sent      until PUBACK, or PUBREC and PUBCOMP
 *
 * The queue's entry is settled at PUBACK or PUBREC. Which messages were under way when a connection ends is told by
 * `InFlight`, which belongs to the session.
 */
export class AcknowledgedDeliveries implements DurabilityWaiter {
  readonly #channel: Channel;
  readonly #state: MessageState;
  readonly #parts: AcknowledgedParts;
  readonly #inFlight: InFlight;
  readonly #store: Store;
  readonly #records: PacketRecords;
  #waiting: WaitingDelivery[] = [];
  #heldPublishes: Flight[] = [];
  #heldReleases: Flight[] = [];
  #awaitsLease = false;
  /** PUBLISH packets that may leave before an acknowledgement comes. */
  #quota: number;
  /** What the group of `#settleAndRecord` works on. */
  #settledTag = 0;
  #settledId = 0;
  #settledOrder = 0;

  constructor(channel: Channel, state: MessageState, parts: AcknowledgedParts) {
    this.#channel = channel;
    this.#state = state;
    this.#parts = parts;
    this.#inFlight = state.inFlight;
    this.#store = state.host.store;
    this.#records = new PacketRecords(state.host, state.clientId);
    this.#quota = parts.inFlightMax;
    this.#inFlight.disconnected();
  }

  /** A message that the client has to acknowledge. */
  deliver(
    message: Message,
    tag: number,
    qos: 1 | 2,
    retain: boolean,
    identifiers: Buffer | null,
    shared: boolean,
  ): void {
    const flight = this.#inFlight.returnedCount === 0 ? null : this.#inFlight.takeReturned(message);
    if (flight !== null) {
      flight.tag = tag;
      flight.message = message;
    }
    // [MQTT-3.3.4-9]: no more than the client's receive maximum at a time.
    if (
      this.#quota === 0 ||
      this.#waiting.length > 0 ||
      !this.#begin(message, tag, qos, retain, identifiers, shared, flight)
    ) {
      this.#waiting.push({ message, tag, qos, retain, identifiers, shared, flight });
    }
  }

  onPuback(packetId: number): void {
    const flight = this.#inFlight.find(packetId);
    // Anything else is late, or not meant for us.
    if (flight === null || flight.kind !== "sending" || flight.qos !== 1 || !flight.sentHere) return;
    this.#end(flight);
  }

  onPubrec(packetId: number, reasonCode: number): void {
    const flight = this.#inFlight.find(packetId);
    if (flight === null) {
      // MQTT 5, 4.3.3: PUBREL says that there is nothing; older versions cannot tell.
      this.#writeRelease(packetId, reasonCodes.packetIdentifierNotFound);
    } else if (flight.kind === "releasing") {
      if (flight.durableAt <= this.#store.engine.durable) this.#writeRelease(packetId, reasonCodes.success);
    } else if (flight.qos === 2 && flight.sentHere) {
      // [MQTT-4.3.3-4]: a failure ends the delivery.
      if (reasonCode >= failure) this.#end(flight);
      else this.#release(flight);
    }
  }

  onPubcomp(packetId: number): void {
    const flight = this.#inFlight.find(packetId);
    if (flight === null || flight.kind !== "releasing" || flight.durableAt > this.#store.engine.durable) return;
    this.#end(flight);
  }

  /** Repeats what was under way on the last connection and is in no queue: PUBRELs first ([MQTT-4.6.0-4]). */
  resume(): void {
    for (const flight of this.#inFlight.inOrder("releasing")) this.#sendRelease(flight);
    for (const flight of this.#inFlight.inOrder("sending")) {
      if (flight.message === null || flight.tag !== 0) continue;
      if (this.#quota > 0) this.#quota--;
      this.#sendPublish(flight);
    }
  }

  /**
   * Ends deliveries whose message will not come from the queue again: it has run out, or was dropped or purged. The
   * client may remember the identifier of QoS 2, so that is released before it is used again.
   */
  endLost(): void {
    if (this.#inFlight.returnedCount === 0) return;
    const { queue } = this.#state;
    if (queue !== null && !queue.deleted && queue.readyCount > 0) return;
    for (const flight of this.#inFlight.takeLost()) this.#abandon(flight);
  }

  /**
   * The connection ends, and the channel with it: what is unacknowledged goes back to its queue. What came from a shared
   * subscription goes to others of its group from there, but for QoS 2 that has left: nobody else may get it
   * ([MQTT-4.8.2-5]), so a session that stays keeps it ([MQTT-4.8.2-4]).
   */
  close(): void {
    this.#store.ignore(this);
    this.#waiting = [];
    this.#heldPublishes = [];
    this.#heldReleases = [];
    for (const flight of this.#inFlight.inOrder("sending")) {
      if (!flight.shared || flight.tag === 0) continue;
      if (flight.qos === 2 && flight.sent) {
        const { tag } = flight;
        flight.tag = 0;
        this.#channel.ack(tag, false);
        if (this.#state.persistent) continue;
      }
      this.#forget(flight);
    }
  }

  // DurabilityWaiter

  durableAdvanced(durable: Lsn): void {
    if (this.#channel.closed) {
      this.#store.ignore(this);
      return;
    }
    let count = 0;
    const releases = this.#heldReleases;
    while (count < releases.length && (releases[count] as Flight).durableAt <= durable) {
      this.#writeRelease((releases[count++] as Flight).packetId, reasonCodes.success);
    }
    if (count > 0) this.#heldReleases = releases.slice(count);
    const publishes = this.#heldPublishes;
    count = 0;
    if (publishes.length > 0 && !this.#mayHandOut()) return;
    while (count < publishes.length && (publishes[count] as Flight).durableAt <= durable) count++;
    if (count > 0) {
      this.#heldPublishes = publishes.slice(count);
      for (let index = 0; index < count; index++) this.#sendPublish(publishes[index] as Flight);
    }
    if (this.#heldReleases.length === 0 && this.#heldPublishes.length === 0) this.#store.ignore(this);
  }

  durabilityFailed(): void {
    this.#channel.connection.fail();
  }

  // PUBLISH

  /** Gives a message its packet identifier and sends it, or holds it back; false where no identifier is free. */
  #begin(
    message: Message,
    tag: number,
    qos: 1 | 2,
    retain: boolean,
    identifiers: Buffer | null,
    shared: boolean,
    known: Flight | null,
  ): boolean {
    // What has begun is completed as it began, whatever the client subscribes to by now ([MQTT-3.10.4-3]).
    const flight = known ?? this.#inFlight.take(qos);
    if (flight === null) return false;
    this.#quota--;
    flight.tag = tag;
    flight.message = message;
    flight.retain = retain;
    flight.identifiers = identifiers;
    flight.shared = shared;
    if (flight.qos === 2 && !flight.recorded && message.lsn !== 0 && this.#state.persistent) {
      this.#inFlight.record(flight);
      flight.durableAt = this.#records.sent(flight.packetId, message.lsn);
      this.#state.weigh();
    }
    if (this.#heldPublishes.length === 0 && flight.durableAt <= this.#store.engine.durable) this.#sendPublish(flight);
    else {
      this.#heldPublishes.push(flight);
      this.#store.await(this);
    }
    return true;
  }

  #sendPublish(flight: Flight): void {
    const message = flight.message as Message;
    const { qos, retain, packetId, identifiers } = flight;
    // [MQTT-3.3.1-1]
    if (this.#parts.writer.write(message, qos, retain, flight.sent, packetId, identifiers)) {
      flight.sent = flight.sentHere = true;
      return;
    }
    this.#parts.oversized();
    if (flight.tag !== 0) this.#parts.settlements.add(flight.tag);
    flight.tag = 0;
    this.#quota++;
    this.#abandon(flight);
  }

  /** False while what queues had handed out before may be another broker's; goes on by itself after that. */
  #mayHandOut(): boolean {
    const { ownership } = this.#store;
    if (ownership.certain) return true;
    if (this.#awaitsLease) return false;
    this.#awaitsLease = true;
    ownership.whenCertain(() => {
      this.#awaitsLease = false;
      if (this.#channel.closed) return;
      this.durableAdvanced(this.#store.engine.durable);
      this.#sendWaiting();
    });
    return false;
  }

  #sendWaiting(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0 || !this.#mayHandOut()) return;
    let count = 0;
    while (count < waiting.length && this.#quota > 0) {
      const { message, tag, qos, retain, identifiers, shared, flight } = waiting[count] as WaitingDelivery;
      if (!this.#begin(message, tag, qos, retain, identifiers, shared, flight)) break;
      count++;
    }
    if (count > 0) waiting.splice(0, count);
  }

  // PUBREL

  /** PUBREC came: the client has the message. */
  #release(flight: Flight): void {
    const { tag } = flight;
    this.#inFlight.release(flight);
    if (flight.recorded) {
      this.#settledTag = tag;
      this.#settledId = flight.packetId;
      this.#settledOrder = flight.order;
      // One group: after a crash the message is not sent again, or it is sent again under the same identifier.
      flight.durableAt = this.#store.atomic(this.#settleAndRecord);
      this.#sendRelease(flight);
    } else {
      this.#writeRelease(flight.packetId, reasonCodes.success);
      if (tag !== 0) this.#channel.ack(tag, false);
    }
  }

  readonly #settleAndRecord: () => void = () => {
    const tag = this.#settledTag;
    this.#records.released(this.#settledId, this.#settledOrder);
    if (tag !== 0) this.#channel.ack(tag, false);
  };

  #sendRelease(flight: Flight): void {
    if (this.#heldReleases.length === 0 && flight.durableAt <= this.#store.engine.durable) {
      this.#writeRelease(flight.packetId, reasonCodes.success);
      return;
    }
    this.#heldReleases.push(flight);
    this.#store.await(this);
  }

  #writeRelease(packetId: number, reasonCode: number): void {
    writeAcknowledgement(this.#parts.outbox, packetTypes.pubrel, packetId, this.#parts.version, reasonCode);
  }

  // Ends

  /** A delivery is complete. */
  #end(flight: Flight): void {
    const { tag } = flight;
    this.#forget(flight);
    if (this.#quota < this.#parts.inFlightMax) this.#quota++;
    this.#sendWaiting();
    if (tag !== 0) this.#channel.ack(tag, false);
  }

  #abandon(flight: Flight): void {
    if (flight.qos === 1 || !flight.sent) {
      this.#forget(flight);
      return;
    }
    this.#inFlight.release(flight);
    if (flight.recorded) flight.durableAt = this.#records.released(flight.packetId, flight.order);
    this.#sendRelease(flight);
  }

  #forget(flight: Flight): void {
    const { recorded } = flight;
    if (recorded) this.#records.deliveryEnded(flight.packetId);
    this.#inFlight.free(flight);
    if (recorded) this.#state.weigh();
  }
}
