import { malformed, MqttError } from "./mqtt-error.ts";
import { checkProperties, propertyPlaces } from "./property-check.ts";
import { propertyIds } from "./property-ids.ts";
import { reasonCodes } from "./reason-codes.ts";
import { checkTopicName } from "./topic-rules.ts";
import { lengthPrefixedEnd, textFieldEnd } from "./utf8.ts";
import type { Version } from "./version.ts";

const flagBits = {
  reserved: 0x01,
  will: 0x04,
  willQos: 0x18,
  willRetain: 0x20,
  password: 0x40,
  userName: 0x80,
} as const;

/** What a CONNECT says about the protocol. */
export interface ConnectLevel {
  /** That of the client; for one that we do not speak, the one in whose form it understands a refusal. */
  readonly version: Version;
  /** The position of the level. */
  readonly levelAt: number;
  /** For a protocol that we do not speak. */
  readonly refusal: MqttError | null;
}

/** Reads protocol name and level. Throws 0x81. */
export function readConnectLevel(bytes: Buffer, start: number, end: number): ConnectLevel {
  const levelAt = lengthPrefixedEnd(bytes, start, end, "the protocol name");
  const name = bytes.toString("latin1", start + 2, levelAt);
  // [MQTT-3.1.2-1]
  if (name !== "MQTT" && name !== "MQIsdp") return refuse("MQTT-3.1.2-1", "the protocol is not MQTT", 4, levelAt);
  if (levelAt >= end) throw malformed("3.1.2.2", "CONNECT ends before the protocol level");
  const level = bytes[levelAt] as number;
  const spoken = name === "MQTT" ? level === 4 || level === 5 : level === 3;
  if (spoken) return { version: level as Version, levelAt, refusal: null };
  // [MQTT-3.1.2-2] in the form of 5 to later versions; bridges try 0x83 and 0x84 first and come back with 3 and 4.
  const version = level > 5 && level < 0x80 ? 5 : 4;
  return refuse("MQTT-3.1.2-2", `level ${level} of protocol ${name} is not supported`, version, levelAt);
}

function refuse(clause: string, explanation: string, version: Version, levelAt: number): ConnectLevel {
  const refusal = new MqttError(reasonCodes.unsupportedProtocolVersion, clause, explanation);
  return { version, levelAt, refusal };
}

/** What mqtt-packet does not tell of a will. */
export interface ConnectFacts {
  /** The will's properties that belong to its message, as they came, without their length; empty before version 5. */
  willNative: Buffer;
}

/**
 * Checks a CONNECT from its level on, which stands at `levelAt`. `bytes` is ours alone: what MQTT 3.1 leaves open and the
 * parser does not take is straightened in it. Throws MqttError.
 */
export function checkConnect(bytes: Buffer, levelAt: number, end: number, version: Version): ConnectFacts {
  const facts: ConnectFacts = { willNative: Buffer.alloc(0) };
  const flagsAt = levelAt + 1;
  if (flagsAt + 3 > end) throw malformed("3.1.2.3", "CONNECT ends before its keep alive");
  // MQTT 3.1 leaves the bit unused.
  if (version === 3) bytes[flagsAt] = (bytes[flagsAt] as number) & ~flagBits.reserved;
  const flags = bytes[flagsAt] as number;
  checkFlags(flags, version);
  let at = flagsAt + 3;
  if (version === 5) at = checkProperties(bytes, at, end, propertyPlaces.connect);
  // [MQTT-3.1.3-3], [MQTT-3.1.3-4]
  at = textFieldEnd(bytes, at, end, "the client identifier");
  if ((flags & flagBits.will) !== 0) at = checkWill(bytes, at, end, version, facts);
  if (version === 3 && at === end) {
    // MQTT 3.1, 3.1: the remaining length takes precedence over the user name flag, and the password's follows it.
    bytes[flagsAt] = flags & ~(flagBits.userName | flagBits.password);
    return facts;
  }
  // [MQTT-3.1.2-17], [MQTT-3.1.3-12]
  if ((flags & flagBits.userName) !== 0) at = textFieldEnd(bytes, at, end, "the user name");
  if (version === 3 && at === end) {
    bytes[flagsAt] = flags & ~flagBits.password;
    return facts;
  }
  // [MQTT-3.1.2-19]
  if ((flags & flagBits.password) !== 0) at = lengthPrefixedEnd(bytes, at, end, "the password");
  // [MQTT-3.1.2-16], [MQTT-3.1.2-18]
  if (at !== end) throw malformed("MQTT-3.1.3-1", "CONNECT goes on behind its last field");
  return facts;
}

function checkFlags(flags: number, version: Version): void {
  // [MQTT-3.1.2-3]
  if ((flags & flagBits.reserved) !== 0) throw malformed("MQTT-3.1.2-3", "the reserved flag of CONNECT is set");
  const willQos = flags & flagBits.willQos;
  // [MQTT-3.1.2-12]
  if (willQos === flagBits.willQos) throw malformed("MQTT-3.1.2-12", "the will has QoS 3");
  if ((flags & flagBits.will) === 0) {
    // [MQTT-3.1.2-11]
    if (willQos !== 0) throw malformed("MQTT-3.1.2-11", "CONNECT has a will QoS and no will");
    // [MQTT-3.1.2-13]
    if ((flags & flagBits.willRetain) !== 0) throw malformed("MQTT-3.1.2-13", "CONNECT has will retain and no will");
  }
  // [MQTT-3.1.2-22] of 3.1.1; version 5 has passwords alone.
  if (version !== 5 && (flags & (flagBits.userName | flagBits.password)) === flagBits.password) {
    throw malformed("MQTT 3.1.1 MQTT-3.1.2-22", "CONNECT has a password and no user name");
  }
}

function checkWill(bytes: Buffer, start: number, end: number, version: Version, facts: ConnectFacts): number {
  let at = start;
  if (version === 5) {
    const native: Buffer[] = [];
    at = checkProperties(bytes, at, end, propertyPlaces.will, (id, from, to) => {
      if (id !== propertyIds.willDelayInterval) native.push(bytes.subarray(from, to));
    });
    facts.willNative = Buffer.concat(native);
  }
  // [MQTT-3.1.3-11]
  const topicEnd = lengthPrefixedEnd(bytes, at, end, "the will topic");
  checkTopicName(bytes, at + 2, topicEnd, "the will topic");
  return lengthPrefixedEnd(bytes, topicEnd, end, "the will payload");
}
