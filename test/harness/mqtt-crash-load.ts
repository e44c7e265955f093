import type { MqttAddress } from "./mqtt-target.ts";
import {
  acknowledgement,
  connectFlags,
  packetTypes as types,
  property,
  propertyIds,
  publishPacket,
  subscribePacket,
} from "./mqtt-wire.ts";
import { decodePublish, RawMqttConnection, type ReceivedPacket } from "./raw-mqtt-connection.ts";

/** Opens a session that outlives its connection, and its broker. */
async function openKept(address: MqttAddress, clientId: string): Promise<RawMqttConnection> {
  const properties = [property.long(propertyIds.sessionExpiry, 3600)];
  return RawMqttConnection.open(address, { clientId, flags: connectFlags.name | connectFlags.password, properties });
}

interface InFlight {
  readonly text: string;
  released: boolean;
}

/**
 * Publishes numbered texts with QoS 1 or 2, and keeps to the protocol over reconnections: what was not acknowledged goes
 * out again, with its packet identifier, in order. It has few identifiers and uses them again and again.
 */
export class KeptPublisher {
  readonly acknowledged: Set<string> = new Set();
  readonly topic: string;
  readonly retain: boolean;
  readonly faults: string[] = [];
  readonly #qos: 1 | 2;
  readonly #inFlight = new Map<number, InFlight>();
  readonly #inFlightMax: number;
  #published = 0;
  #nextId = 1;
  #connection: RawMqttConnection | null = null;
  #stopped = false;

  constructor(topic: string, qos: 1 | 2, inFlightMax: number, retain = false) {
    this.topic = topic;
    this.retain = retain;
    this.#qos = qos;
    this.#inFlightMax = inFlightMax;
  }

  get published(): number {
    return this.#published;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Connects, sends again what was not acknowledged, and goes on. */
  async run(address: MqttAddress): Promise<void> {
    const first = this.#connection === null;
    const connection = await openKept(address, `publisher ${this.topic}`);
    this.#connection = connection;
    if (!first && !connection.sessionPresent) this.faults.push(`the session of ${this.topic} is gone`);
    connection.onPacket = (packet) => this.#take(connection, packet);
    for (const [packetId, { text, released }] of this.#inFlight) {
      connection.send(released ? acknowledgement(types.pubrel, packetId) : this.#packet(packetId, text, true));
    }
    this.#more(connection);
  }

  /** Nothing new from now on. */
  stop(): void {
    this.#stopped = true;
  }

  #packet(packetId: number, body: string, dup: boolean): Buffer {
    return publishPacket({ topic: this.topic, qos: this.#qos, packetId, body, dup, retain: this.retain });
  }

  #more(connection: RawMqttConnection): void {
    while (!this.#stopped && !connection.ended && this.#inFlight.size < this.#inFlightMax) {
      const packetId = this.#freeId();
      const text = String(this.#published++);
      this.#inFlight.set(packetId, { text, released: false });
      connection.send(this.#packet(packetId, text, false));
    }
  }

  #freeId(): number {
    while (this.#inFlight.has(this.#nextId)) this.#nextId = (this.#nextId % (2 * this.#inFlightMax)) + 1;
    const packetId = this.#nextId;
    this.#nextId = (packetId % (2 * this.#inFlightMax)) + 1;
    return packetId;
  }

  #take(connection: RawMqttConnection, { type, body }: ReceivedPacket): void {
    if (type === types.disconnect) return;
    const packetId = body.readUInt16BE(0);
    const sent = this.#inFlight.get(packetId);
    if (sent === undefined)
      return void this.faults.push(`packet of type ${type} for ${packetId}, which is not in flight`);
    if (type === types.pubrec) {
      sent.released = true;
      connection.send(acknowledgement(types.pubrel, packetId));
      return;
    }
    this.#inFlight.delete(packetId);
    this.acknowledged.add(sent.text);
    this.#more(connection);
  }
}

/** Takes what comes with QoS 1 and 2, and keeps to the protocol over reconnections. */
export class KeptSubscriber {
  /** How often each text came, by topic. */
  readonly counts: Map<string, Map<string, number>> = new Map();
  readonly faults: string[] = [];
  readonly #clientId: string;
  readonly #filter: string;
  /** QoS 2 publishes whose PUBREL has not come. */
  readonly #known = new Set<number>();
  #subscribed = false;

  constructor(clientId: string, filter: string) {
    this.#clientId = clientId;
    this.#filter = filter;
  }

  get total(): number {
    return [...this.counts.values()].reduce((sum, counts) => sum + counts.size, 0);
  }

  countsOf(topic: string): ReadonlyMap<string, number> {
    return this.counts.get(topic) ?? new Map<string, number>();
  }

  async run(address: MqttAddress): Promise<void> {
    const connection = await openKept(address, this.#clientId);
    connection.onPacket = (packet) => this.#take(connection, packet);
    // What came behind CONNACK in the same turn.
    for (const packet of connection.packets.slice(1)) this.#take(connection, packet);
    if (this.#subscribed) {
      if (!connection.sessionPresent) this.faults.push("the session of the subscriber is gone");
      return;
    }
    connection.send(subscribePacket(1, [[this.#filter, 2]]));
    this.#subscribed = true;
  }

  #take(connection: RawMqttConnection, packet: ReceivedPacket): void {
    if (packet.type === types.pubrel) {
      const packetId = packet.body.readUInt16BE(0);
      this.#known.delete(packetId);
      connection.send(acknowledgement(types.pubcomp, packetId));
    }
    if (packet.type !== types.publish) return;
    const { topic, text, qos, packetId } = decodePublish(packet, 5);
    const isNew = qos !== 2 || !this.#known.has(packetId);
    if (qos === 2) this.#known.add(packetId);
    if (qos > 0) connection.send(acknowledgement(qos === 1 ? types.puback : types.pubrec, packetId));
    if (isNew) this.#count(topic, text);
  }

  #count(topic: string, text: string): void {
    let counts = this.counts.get(topic);
    if (counts === undefined) this.counts.set(topic, (counts = new Map()));
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
}
