/** Bytes of MQTT, as a client writes them. Nothing is checked: tests write what they want. */
import { octet, short, u32 } from "./wire.ts";

/** Packet types. */
export const packetTypes = {
  connect: 1,
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  suback: 9,
  unsubscribe: 10,
  unsuback: 11,
  pingreq: 12,
  pingresp: 13,
  disconnect: 14,
  auth: 15,
} as const;

/** A variable byte integer. */
export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push(rest > 127 ? (rest & 127) | 128 : rest);
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Buffer.from(bytes);
}

/** A packet with its fixed header. */
export function packet(type: number, flags: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([octet((type << 4) | flags), varint(body.length), body]);
}

/** Text, or bytes, behind a length of two bytes. */
export function prefixed(text: string | Buffer): Buffer {
  const bytes = Buffer.from(text as string);
  return Buffer.concat([short(bytes.length), bytes]);
}

/** Properties with their length. */
export function properties(...list: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(list);
  return Buffer.concat([varint(bytes.length), bytes]);
}

/** One property. */
export const property = {
  byte: (id: number, value: number): Buffer => Buffer.from([id, value]),
  short: (id: number, value: number): Buffer => Buffer.concat([octet(id), short(value)]),
  long: (id: number, value: number): Buffer => Buffer.concat([octet(id), u32(value)]),
  varint: (id: number, value: number): Buffer => Buffer.concat([octet(id), varint(value)]),
  text: (id: number, value: string | Buffer): Buffer => Buffer.concat([octet(id), prefixed(value)]),
  pair: (id: number, name: string, value: string): Buffer =>
    Buffer.concat([octet(id), prefixed(name), prefixed(value)]),
} as const;

/** Property identifiers. */
export const propertyIds = {
  payloadFormat: 0x01,
  messageExpiry: 0x02,
  contentType: 0x03,
  responseTopic: 0x08,
  correlationData: 0x09,
  subscriptionId: 0x0b,
  sessionExpiry: 0x11,
  serverKeepAlive: 0x13,
  authenticationMethod: 0x15,
  authenticationData: 0x16,
  requestProblem: 0x17,
  requestResponse: 0x19,
  reasonString: 0x1f,
  receiveMaximum: 0x21,
  topicAliasMaximum: 0x22,
  topicAlias: 0x23,
  userProperty: 0x26,
  maximumPacketSize: 0x27,
} as const;

export const connectFlags = { clean: 2, will: 4, willQos1: 8, willQos2: 16, willRetain: 32, password: 64, name: 128 };

/** What a CONNECT says; everything has a default that a broker takes. */
export interface ConnectParts {
  readonly version?: number;
  readonly protocolName?: string;
  readonly flags?: number;
  readonly keepAliveSeconds?: number;
  /** Version 5. */
  readonly properties?: readonly Buffer[];
  readonly clientId?: string | Buffer;
  /** Will, user name and password, as the flags announce them. Default: guest, guest. */
  readonly payload?: readonly Buffer[];
}

/** CONNECT of a clean session of "guest". */
export function connectPacket(parts: ConnectParts = {}): Buffer {
  const { version = 5, protocolName = version === 3 ? "MQIsdp" : "MQTT", keepAliveSeconds = 0 } = parts;
  const { flags = connectFlags.clean | connectFlags.name | connectFlags.password, clientId = "" } = parts;
  const { payload = [prefixed("guest"), prefixed("guest")] } = parts;
  return packet(
    packetTypes.connect,
    0,
    prefixed(protocolName),
    octet(version),
    octet(flags),
    short(keepAliveSeconds),
    version === 5 ? properties(...(parts.properties ?? [])) : Buffer.alloc(0),
    prefixed(clientId),
    ...payload,
  );
}

/** What a PUBLISH says. */
export interface PublishParts {
  readonly version?: number;
  readonly topic?: string | Buffer;
  readonly qos?: number;
  readonly dup?: boolean;
  readonly retain?: boolean;
  readonly packetId?: number;
  readonly properties?: readonly Buffer[];
  readonly body?: string | Buffer;
}

export function publishPacket(parts: PublishParts): Buffer {
  const { version = 5, topic = "t", qos = 0, dup = false, retain = false, packetId = 1, body = "" } = parts;
  return packet(
    packetTypes.publish,
    (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0),
    prefixed(topic),
    qos > 0 ? short(packetId) : Buffer.alloc(0),
    version === 5 ? properties(...(parts.properties ?? [])) : Buffer.alloc(0),
    Buffer.from(body as string),
  );
}

/** PUBACK, PUBREC, PUBREL or PUBCOMP that says no more than that. */
export function acknowledgement(type: number, packetId: number): Buffer {
  return packet(type, type === packetTypes.pubrel ? 2 : 0, short(packetId));
}

/** SUBSCRIBE to filters, each with its options byte. */
export function subscribePacket(
  packetId: number,
  filters: readonly (readonly [filter: string | Buffer, options: number])[],
  version = 5,
  list: readonly Buffer[] = [],
): Buffer {
  const rest = filters.flatMap(([filter, options]) => [prefixed(filter), octet(options)]);
  const head = version === 5 ? properties(...list) : Buffer.alloc(0);
  return packet(packetTypes.subscribe, 2, short(packetId), head, ...rest);
}

export function unsubscribePacket(packetId: number, filters: readonly string[], version = 5): Buffer {
  const head = version === 5 ? properties() : Buffer.alloc(0);
  return packet(packetTypes.unsubscribe, 2, short(packetId), head, ...filters.map(prefixed));
}

export const pingreq: Buffer = packet(packetTypes.pingreq, 0);
