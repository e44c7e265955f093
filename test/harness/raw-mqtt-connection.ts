import { connect, type Socket } from "node:net";
import { expect, onTestFinished } from "vitest";
import type { MqttAddress } from "./mqtt-target.ts";
import {
  acknowledgement,
  type ConnectParts,
  connectPacket,
  packetTypes,
  pingreq,
  subscribePacket,
} from "./mqtt-wire.ts";
import { once, waitFor } from "./waiting.ts";

/** A packet from the server. */
export interface ReceivedPacket {
  readonly type: number;
  readonly flags: number;
  /** What follows the fixed header. */
  readonly body: Buffer;
}

/** A PUBLISH from the server. */
export interface ReceivedPublish {
  readonly topic: string;
  readonly qos: number;
  readonly dup: boolean;
  readonly retain: boolean;
  /** 0 where there is none. */
  readonly packetId: number;
  readonly properties: Buffer;
  readonly text: string;
}

/** A socket on which tests speak MQTT byte by byte. It answers nothing by itself; packets are taken in their order. */
export class RawMqttConnection {
  readonly socket: Socket;
  readonly packets: ReceivedPacket[] = [];
  /** True once the server has ended the stream. */
  ended = false;
  version = 5;
  /** Said in CONNACK. */
  sessionPresent = false;
  /** Takes packets in place of `packets`, where it is set. */
  onPacket: ((packet: ReceivedPacket) => void) | null = null;
  #taken = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("close", () => (this.ended = true));
    // A reset is one way of being cut off.
    socket.on("error", () => undefined);
  }

  /** A connected socket on which nothing is sent yet. */
  static async connect(address: Pick<MqttAddress, "host" | "port">): Promise<RawMqttConnection> {
    const socket = connect({ host: address.host, port: address.port, noDelay: true });
    const connection = new RawMqttConnection(socket);
    onTestFinished(() => void socket.destroy());
    await once<void>("a connected socket", (happened) => socket.once("connect", () => happened()));
    return connection;
  }

  /** A connection with a session, and the CONNACK that was taken for it. */
  static async open(address: Pick<MqttAddress, "host" | "port">, parts: ConnectParts = {}): Promise<RawMqttConnection> {
    const connection = await RawMqttConnection.connect(address);
    connection.version = parts.version ?? 5;
    connection.send(connectPacket(parts));
    const connack = await connection.next(packetTypes.connack);
    expect(connack.body[1], "the code in CONNACK").toBe(0);
    connection.sessionPresent = connack.body[0] === 1;
    return connection;
  }

  send(...bytes: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(bytes));
  }

  /** The next packet, which has to be of that type. */
  next(type: number): Promise<ReceivedPacket> {
    return this.nextOf(type);
  }

  /** The next packet, which has to be of one of the types. */
  async nextOf(...types: readonly number[]): Promise<ReceivedPacket> {
    const what = `a packet of type ${types.join(" or ")}`;
    const packet = await waitFor(what, () => this.packets[this.#taken] ?? (this.ended ? "ended" : null));
    if (packet === "ended") throw new Error(`the server ended the stream before ${what}`);
    this.#taken++;
    const content = packet.body.subarray(0, 64).toString("hex");
    expect(types, `packet ${this.#taken} (type ${packet.type}, ${content})`).toContain(packet.type);
    return packet;
  }

  /** The next packet, which has to be a PUBLISH. */
  async nextPublish(): Promise<ReceivedPublish> {
    return decodePublish(await this.next(packetTypes.publish), this.version);
  }

  /** The packet identifier and the reason code of the next packet, an acknowledgement of that type. */
  async nextAcknowledgement(type: number): Promise<readonly [packetId: number, reasonCode: number]> {
    const { body } = await this.next(type);
    return [body.readUInt16BE(0), body[2] ?? 0];
  }

  /** Subscribes and waits for SUBACK; returns the codes in it. */
  async subscribe(filter: string, options = 0, list: readonly Buffer[] = []): Promise<readonly number[]> {
    this.send(subscribePacket(60_000, [[filter, options]], this.version, list));
    const { body } = await this.next(packetTypes.suback);
    return [...body.subarray(this.version === 5 ? 3 + (body[2] ?? 0) : 2)];
  }

  /** Sends PUBACK, PUBREC, PUBREL or PUBCOMP. */
  acknowledge(type: number, packetId: number): void {
    this.send(acknowledgement(type, packetId));
  }

  /** Nothing but the answer to a ping comes, and the connection lives. */
  async expectSilence(): Promise<void> {
    this.send(pingreq);
    await this.next(packetTypes.pingresp);
  }

  /** Packets may come in between, but the ping is answered. */
  async expectLiving(): Promise<void> {
    this.send(pingreq);
    await waitFor("PINGRESP", () => this.packets.some(({ type }) => type === packetTypes.pingresp));
  }

  /** The server ends the connection: with DISCONNECT and one of these codes in version 5, without a word in older ones. */
  async expectDisconnect(...reasonCodes: readonly number[]): Promise<void> {
    if (this.version === 5) expect(reasonCodes).toContain((await this.next(packetTypes.disconnect)).body[0]);
    await this.expectEnd();
  }

  /** What the server says until it ends the stream. */
  async untilEnd(): Promise<readonly ReceivedPacket[]> {
    await waitFor("the end of the stream", () => this.ended);
    const rest = this.packets.slice(this.#taken);
    this.#taken = this.packets.length;
    return rest;
  }

  /** The server ends the stream, and has said nothing before. */
  async expectEnd(boundMs?: number): Promise<void> {
    await waitFor("the end of the stream", () => this.ended, boundMs);
    expect(this.packets.slice(this.#taken)).toEqual([]);
  }

  #take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const length = lengthOf(this.#rest);
      if (length === null || this.#rest.length < length.start + length.bytes) return;
      const first = this.#rest.readUInt8(0);
      const end = length.start + length.bytes;
      const packet = { type: first >> 4, flags: first & 15, body: this.#rest.subarray(length.start, end) };
      if (this.onPacket === null) this.packets.push(packet);
      else this.onPacket(packet);
      this.#rest = this.#rest.subarray(end);
    }
  }
}

/** Where the body begins, and how long it is; null where that cannot be told yet. */
function lengthOf(bytes: Buffer): { readonly start: number; readonly bytes: number } | null {
  let value = 0;
  for (let index = 1; index < bytes.length; index++) {
    const octet = bytes.readUInt8(index);
    value += (octet & 127) * 128 ** (index - 1);
    if (octet < 128) return { start: index + 1, bytes: value };
  }
  return null;
}

/** A PUBLISH of that protocol level. */
export function decodePublish({ flags, body }: ReceivedPacket, version: number): ReceivedPublish {
  const qos = (flags >> 1) & 3;
  let at = 2 + body.readUInt16BE(0);
  const topic = body.toString("utf8", 2, at);
  const packetId = qos > 0 ? body.readUInt16BE(at) : 0;
  if (qos > 0) at += 2;
  let properties: Buffer = Buffer.alloc(0);
  if (version === 5) {
    const length = lengthOf(body.subarray(at - 1));
    if (length === null) throw new Error("a PUBLISH without its properties");
    at += length.start - 1;
    properties = body.subarray(at, (at += length.bytes));
  }
  return {
    topic,
    qos,
    dup: (flags & 8) !== 0,
    retain: (flags & 1) !== 0,
    packetId,
    properties,
    text: body.toString("utf8", at),
  };
}
