import {
  generate,
  type IAuthPacket,
  type IConnackPacket,
  type IConnectPacket,
  type IDisconnectPacket,
  type IPingreqPacket,
  type IPingrespPacket,
  type ISubackPacket,
  type ISubscribePacket,
  type IUnsubackPacket,
  type IUnsubscribePacket,
  type Packet,
  type Parser,
  parser,
  writeToStream,
} from "mqtt-packet";
import { checkConnect } from "./connect-check.ts";
import { malformed } from "./mqtt-error.ts";
import { packetTypes } from "./packet-types.ts";
import { checkRarePacket } from "./rare-packet-check.ts";
import type { Version } from "./version.ts";

// Its cache is an object for each of 65,536 packet identifiers, and those are in acknowledgements, which we write ourselves.
writeToStream.cacheNumbers = false;

/** CONNECT. Buffers in it are views of one copy of the packet. */
export interface ConnectPacket extends IConnectPacket {
  protocolVersion: Version;
  clean: boolean;
  /** Seconds, 0 for none. */
  keepalive: number;
  /** The will's properties without its delay, as they came, without their length: native bytes. Empty before version 5. */
  willNative: Buffer;
}

export interface SubscribePacket extends ISubscribePacket {
  messageId: number;
}

export interface UnsubscribePacket extends IUnsubscribePacket {
  messageId: number;
}

/** Packets from clients that are no PUBLISH and no acknowledgement of one. */
export type RarePacket =
  | ConnectPacket
  | SubscribePacket
  | UnsubscribePacket
  | IPingreqPacket
  | IDisconnectPacket
  | IAuthPacket;

/** Packets to clients that are no PUBLISH and no acknowledgement of one. */
export type OutgoingPacket =
  | IConnackPacket
  | ISubackPacket
  | IUnsubackPacket
  | IPingrespPacket
  | IDisconnectPacket
  | IAuthPacket;

export type { IDisconnectPacket as DisconnectPacket } from "mqtt-packet";

const pingreq: IPingreqPacket = Object.freeze({ cmd: "pingreq" });

/** mqtt-packet's parser is made for streams. Given whole, checked packets one at a time, it keeps nothing between them. */
class WholePacketParser {
  readonly #parser: Parser;
  #packet: Packet | null = null;
  #error: unknown = null;

  constructor(version: Version) {
    this.#parser = parser({ protocolVersion: version });
    this.#parser.on("packet", (packet) => {
      this.#packet = packet;
    });
    this.#parser.on("error", (error: unknown) => {
      this.#error = error;
    });
  }

  /** The packet that `bytes` are, or null where the parser finds none; then it is not to be used again. */
  parse(bytes: Buffer): Packet | null {
    this.#packet = null;
    this.#error = null;
    const rest = this.#parser.parse(bytes);
    const packet = this.#packet as Packet | null;
    this.#packet = null;
    return rest === 0 && this.#error === null ? packet : null;
  }
}

/** By version. CONNECT changes what a parser is set to, and has one of its own. */
const parsers = new Map<Version, WholePacketParser>();

function parse(bytes: Buffer, version: Version): Packet {
  let whole = parsers.get(version);
  if (whole === undefined) {
    whole = new WholePacketParser(version);
    parsers.set(version, whole);
  }
  const packet = whole.parse(bytes);
  if (packet !== null) return packet;
  parsers.delete(version);
  throw notParsed();
}

function notParsed(): Error {
  return malformed("4.13.1", "the packet cannot be read");
}

/** Whole packet, its own memory: nothing of it pins the chunk that it came in. */
function copyPacket(bytes: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(end - start);
  bytes.copy(copy, 0, start, end);
  return copy;
}

/** Reads the CONNECT between `start` and `end`, whose protocol level stands at `levelAt`. Throws MqttError. */
export function readConnect(
  bytes: Buffer,
  start: number,
  levelAt: number,
  end: number,
  version: Version,
): ConnectPacket {
  const copy = copyPacket(bytes, start, end);
  const facts = checkConnect(copy, levelAt - start, copy.length, version);
  const packet = new WholePacketParser(version).parse(copy);
  if (packet === null) throw notParsed();
  return Object.assign(packet as ConnectPacket, facts);
}

/**
 * Reads the packet between `start` and `end`, of one of the types of `RarePacket` except CONNECT, whose variable header
 * begins at `variableStart`. Throws MqttError.
 */
export function readRarePacket(
  type: number,
  bytes: Buffer,
  start: number,
  variableStart: number,
  end: number,
  version: Version,
): RarePacket {
  if (type === packetTypes.pingreq) {
    if (variableStart !== end) throw malformed("3.12.1", "PINGREQ has a remaining length other than 0");
    return pingreq;
  }
  const copy = copyPacket(bytes, start, end);
  checkRarePacket(type, copy, variableStart - start, copy.length, version);
  // MQTT 3.1 marks repeated SUBSCRIBE and UNSUBSCRIBE with DUP; the parser knows 3.1.1.
  if (version === 3) copy[0] = requiredFirstByte(type);
  return parse(copy, version) as RarePacket;
}

/** Type and flags of a packet other than PUBLISH (MQTT 5, table 2-2). */
export function requiredFirstByte(type: number): number {
  const hasBitOne = type === packetTypes.pubrel || type === packetTypes.subscribe || type === packetTypes.unsubscribe;
  return (type << 4) | (hasBitOne ? 2 : 0);
}

/** The bytes of a packet. Throws a plain error for one that cannot be encoded. */
export function encodePacket(packet: OutgoingPacket, version: Version): Buffer {
  const bytes = generate(packet, { protocolVersion: version });
  // It writes nothing, and says nothing, where user properties are an object without members.
  if (bytes.length === 0) throw new Error(`${packet.cmd} cannot be encoded`);
  return bytes;
}
