import {
  ChunkBuffer,
  endlessBudget,
  type GatedDecoder,
  type Payer,
  Tab,
  type TurnBudget,
} from "@jackalope/core/adapter";
import { foreignProtocol } from "@jackalope/transport";
import { readPacketId, readReasonCode } from "./acknowledgement.ts";
import { readConnectLevel } from "./connect-check.ts";
import { malformed, MqttError, protocolError } from "./mqtt-error.ts";
import { type AcknowledgementType, packetTypes } from "./packet-types.ts";
import { PublishPacket } from "./publish-packet.ts";
import { type RarePacket, readConnect, readRarePacket, requiredFirstByte } from "./rare-packets.ts";
import { reasonCodes } from "./reason-codes.ts";
import type { Version } from "./version.ts";

/**
 * Control packets (MQTT 5, 2.1):
 *
 *     | type 4 bits, flags 4 bits | remaining length 1-4 | variable header … payload … |
 */
export interface PacketHandler {
  /** `packet` is reused. May throw: the decoder has moved past the packet before the call. */
  onPublish(packet: PublishPacket): void;
  /** PUBACK 4, PUBREC 5, PUBREL 6, PUBCOMP 7. May throw. */
  onAcknowledgement(type: AcknowledgementType, packetId: number, reasonCode: number): void;
  /** The first one is a CONNECT, and no other is. May throw. */
  onPacket(packet: RarePacket): void;
}

/** Says of packets, while an alarm is on, whether they are kept from the handler. */
export interface PacketHold {
  /** True where the packet at `start` is held: it is read again when it may be handled. */
  holds(type: number, bytes: Buffer, start: number, end: number): boolean;
}

/** First byte and the shortest remaining length. */
const headerBytesMin = 2;
/** First byte and the longest one. */
const headerBytesMax = 5;
const dupBit = 8;

/** Cuts a byte stream into packets. A packet that lies whole in one chunk is read in place. */
export class PacketDecoder implements GatedDecoder {
  /** What the client speaks: CONNECT tells. Before it, and where it does not tell, the form for what is said to it. */
  version: Version = 5;
  /** The largest packet accepted, its fixed header included; it grows at login. */
  packetBytesMax: number;
  readonly publish: PublishPacket = new PublishPacket();
  /** Null while every packet is handled as it comes. */
  hold: PacketHold | null = null;
  readonly #handler: PacketHandler;
  #connected = false;
  #levelKnown = false;
  readonly #input = new ChunkBuffer();
  /** While true, `run` returns after the current packet and keeps the rest. */
  stopped = false;

  constructor(packetBytesMax: number, handler: PacketHandler) {
    this.packetBytesMax = packetBytesMax;
    this.#handler = handler;
  }

  /** The client is logged in: who pays for large packets that have not come whole. `run` then throws quota-exceeded, too. */
  paidBy(payer: Payer): void {
    this.#input.tab = new Tab(payer);
  }

  /** True while bytes wait that `run` has not looked at. */
  get hasRest(): boolean {
    return this.#input.chunk !== null;
  }

  /** True from the CONNECT on whose protocol and level could be read: a peer that sent none is not answered at all. */
  get levelKnown(): boolean {
    return this.#levelKnown;
  }

  /** Adds what the socket brought; the caller calls `run` next. The bytes must not change afterwards. */
  push(chunk: Buffer): void {
    this.#input.push(chunk);
  }

  /** Hands over whole packets while `budget` lasts. Throws what the handler throws, and MqttError for packets that are none. */
  run(budget: TurnBudget = endlessBudget): void {
    const input = this.#input;
    if (input.chunk === null) return;
    while (input.partial !== null) {
      if (this.stopped || !budget.take()) return;
      if (!this.#completePartial()) return;
    }
    const { chunk } = input;
    const length = chunk.length;
    // `drop` in the handler takes the chunk away.
    while (!this.stopped && input.chunk === chunk && budget.take()) {
      const at = input.position;
      if (length - at < headerBytesMin) return this.#keepRest();
      let remaining = chunk[at + 1] as number;
      let variableStart = at + headerBytesMin;
      if (remaining > 0x7f) {
        variableStart = lengthEnd(chunk, at, length);
        if (variableStart < 0) return this.#keepRest();
        remaining = lengthBefore(chunk, at, variableStart);
      }
      const end = variableStart + remaining;
      if (end - at > this.packetBytesMax) this.#refuseSize(end - at);
      if (end > length) return this.#keepRest();
      input.position = end;
      this.#read(chunk, at, variableStart, end);
    }
    if (input.position === length) input.chunk = null;
  }

  /** Everything was handled: lets go of the bytes that it stood in. */
  release(): void {
    this.publish.release();
  }

  /** Puts whole frames before everything that waits. Not from inside of `run`. */
  unread(bytes: Buffer): void {
    this.#input.unread(bytes);
  }

  /** Drops everything that waits: after an error in the stream nothing in it can be trusted. */
  drop(): void {
    this.#input.drop();
  }

  #read(bytes: Buffer, start: number, variableStart: number, end: number): void {
    const first = bytes[start] as number;
    const type = first >> 4;
    if (this.hold !== null && this.hold.holds(type, bytes, start, end)) return;
    if (type === packetTypes.publish && this.#connected) {
      if (variableStart - start > headerBytesMin) this.#checkLongForm(bytes, variableStart);
      this.publish.read(bytes, start, variableStart, end, this.version);
      this.#handler.onPublish(this.publish);
      return;
    }
    this.#checkFirst(first, type, bytes, start);
    if (type >= packetTypes.puback && type <= packetTypes.pubcomp) {
      if (variableStart - start > headerBytesMin) this.#checkLongForm(bytes, variableStart);
      const acknowledgement = type as AcknowledgementType;
      const packetId = readPacketId(bytes, variableStart, end, acknowledgement);
      const reasonCode = readReasonCode(bytes, variableStart, end, acknowledgement, this.version);
      this.#handler.onAcknowledgement(acknowledgement, packetId, reasonCode);
      return;
    }
    this.#handler.onPacket(
      type === packetTypes.connect
        ? this.#readConnect(bytes, start, variableStart, end)
        : this.#readRare(type, bytes, start, variableStart, end),
    );
  }

  #readConnect(bytes: Buffer, start: number, variableStart: number, end: number): RarePacket {
    const level = readConnectLevel(bytes, variableStart, end);
    this.version = level.version;
    this.#levelKnown = true;
    if (level.refusal !== null) throw level.refusal;
    if (variableStart - start > headerBytesMin) this.#checkLongForm(bytes, variableStart);
    const packet = readConnect(bytes, start, level.levelAt, end, level.version);
    this.#connected = true;
    return packet;
  }

  #readRare(type: number, bytes: Buffer, start: number, variableStart: number, end: number): RarePacket {
    if (variableStart - start > headerBytesMin) this.#checkLongForm(bytes, variableStart);
    return readRarePacket(type, bytes, start, variableStart, end, this.version);
  }

  /** Refuses a packet by its first byte, which is looked at before the packet is waited for. */
  #checkFirst(first: number, type: number, bytes: Buffer, start: number): void {
    if (!this.#connected) {
      if (first === packetTypes.connect << 4) return;
      const foreign = foreignProtocol(bytes, "MQTT", start);
      // [MQTT-3.1.0-1]
      if (type !== packetTypes.connect)
        throw protocolError("MQTT-3.1.0-1", foreign ?? "the first packet is no CONNECT");
      throw malformed("MQTT-2.1.3-1", foreign ?? "reserved flags of CONNECT are set");
    }
    switch (type) {
      case packetTypes.publish:
        return;
      case packetTypes.connect:
        // [MQTT-3.1.0-2]
        throw protocolError("MQTT-3.1.0-2", "a second CONNECT");
      case 0:
        throw malformed("2.1.2", "packet type 0 is reserved");
      case packetTypes.connack:
      case packetTypes.suback:
      case packetTypes.unsuback:
      case packetTypes.pingresp:
        throw protocolError("2.1.2", `packet type ${type} is for servers`);
      default:
    }
    if (type === packetTypes.auth && this.version !== 5)
      throw malformed("MQTT 3.1.1 2.2.1", "packet type 15 is reserved");
    // [MQTT-2.1.3-1], [MQTT-3.6.1-1], [MQTT-3.8.1-1], [MQTT-3.10.1-1], [MQTT-3.14.1-1], [MQTT-3.15.1-1]
    if (first !== requiredFirstByte(type) && !this.#isOldRepetition(first, type)) {
      throw malformed("MQTT-2.1.3-1", `reserved flags of packet type ${type} are set`);
    }
  }

  /** MQTT 3.1, 2.1: repeated PUBREL, SUBSCRIBE and UNSUBSCRIBE have the DUP flag. */
  #isOldRepetition(first: number, type: number): boolean {
    return this.version === 3 && (requiredFirstByte(type) & 2) !== 0 && first === (requiredFirstByte(type) | dupBit);
  }

  /** A remaining length of two bytes and more. */
  #checkLongForm(bytes: Buffer, variableStart: number): void {
    // [MQTT-1.5.5-1] as few bytes as possible; MQTT 3.1.1 does not ask for it.
    if (this.version === 5 && bytes[variableStart - 1] === 0) {
      throw malformed("MQTT-1.5.5-1", "the remaining length has bytes too many");
    }
  }

  #refuseSize(packetBytes: number): never {
    // [MQTT-3.2.2-15]
    const explanation = `a packet of ${packetBytes} bytes; at most ${this.packetBytesMax} are accepted`;
    throw new MqttError(reasonCodes.packetTooLarge, "MQTT-3.2.2-15", explanation);
  }

  #keepRest(): void {
    const { chunk, position } = this.#input;
    const first = chunk?.[position];
    this.#input.keepRest();
    // Nobody waits for the end of a packet that is refused whatever it is.
    if (first !== undefined) this.#checkFirst(first, first >> 4, chunk as Buffer, position);
  }

  /** Gathers the partial packet; true when it was whole and has been handed over, and there is more. */
  #completePartial(): boolean {
    const input = this.#input;
    if (!input.fill(headerBytesMin)) return false;
    let variableStart = lengthEnd(input.partial as Buffer, 0, input.partialBytes);
    while (variableStart < 0) {
      if (!input.fill(input.partialBytes + 1)) return false;
      variableStart = lengthEnd(input.partial as Buffer, 0, input.partialBytes);
    }
    const end = variableStart + lengthBefore(input.partial as Buffer, 0, variableStart);
    if (end > this.packetBytesMax) this.#refuseSize(end);
    if (!input.fill(end)) return false;
    const bytes = input.partial as Buffer;
    input.endPartial();
    if (input.position === (input.chunk as Buffer).length && !this.stopped) input.chunk = null;
    this.#read(bytes, 0, variableStart, end);
    return input.chunk !== null;
  }
}

/** Where the remaining length of the packet at `start` ends, -1 where that has not come. Throws 0x81 for a fifth byte. */
function lengthEnd(bytes: Buffer, start: number, end: number): number {
  const last = Math.min(start + headerBytesMax, end);
  for (let at = start + 1; at < last; at++) if ((bytes[at] as number) < 0x80) return at + 1;
  if (last === start + headerBytesMax) throw malformed("1.5.5", "the remaining length is longer than four bytes");
  return -1;
}

/** The value of the remaining length that ends at `variableStart`. */
function lengthBefore(bytes: Buffer, start: number, variableStart: number): number {
  let value = 0;
  for (let at = variableStart - 1; at > start; at--) value = (value << 7) | ((bytes[at] as number) & 0x7f);
  return value;
}
