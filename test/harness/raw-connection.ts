import { connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import type { Target } from "./target.ts";
import { once, waitFor } from "./waiting.ts";
import { frame, longstr, method, octet, short, shortstr, table, u32 } from "./wire.ts";

/** A frame from the server. */
export interface ReceivedFrame {
  readonly type: number;
  readonly channel: number;
  readonly payload: Buffer;
}

/** A connection.close or channel.close from the server. */
export interface Close {
  readonly code: number;
  readonly text: string;
  readonly classId: number;
  readonly methodId: number;
}

/**
 * A socket on which tests speak AMQP byte by byte: for what no decent client does, and for what clients hide. It answers
 * nothing by itself.
 */
export class RawConnection {
  readonly socket: Socket;
  readonly frames: ReceivedFrame[] = [];
  /** True once the server has ended the stream. */
  ended = false;
  #rest: Buffer = Buffer.alloc(0);
  #header: Buffer | null = null;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("close", () => {
      this.ended = true;
    });
    // A reset is one way of being cut off.
    socket.on("error", () => undefined);
  }

  /** A connected socket on which nothing is sent yet. */
  static async connect(target: Pick<Target, "host" | "port">): Promise<RawConnection> {
    const socket = connect({ host: target.host, port: target.port, noDelay: true });
    const connection = new RawConnection(socket);
    onTestFinished(() => void socket.destroy());
    await once<void>("a connected socket", (happened) => socket.once("connect", () => happened()));
    return connection;
  }

  /** A connection that is open, without a channel. */
  static async open(
    target: Target,
    tuning: { heartbeatSeconds?: number; frameMax?: number } = {},
  ): Promise<RawConnection> {
    const connection = await RawConnection.connect(target);
    connection.send(openingBytes(target, tuning));
    await connection.method(10, 41);
    return connection;
  }

  send(...bytes: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(bytes));
  }

  /** The protocol header that the server answered with in place of a frame, or null. */
  get header(): Buffer | null {
    return this.#header;
  }

  /** The arguments of the first method of that kind, as soon as it is there. */
  async method(classId: number, methodId: number, channel = 0): Promise<Buffer> {
    const wanted = (received: ReceivedFrame): boolean =>
      received.type === 1 &&
      received.channel === channel &&
      received.payload.readUInt16BE(0) === classId &&
      received.payload.readUInt16BE(2) === methodId;
    const received = await waitFor(`method ${classId}.${methodId} (came: ${this.#names()})`, () =>
      this.frames.find(wanted),
    );
    return received.payload.subarray(4);
  }

  /** The server's connection.close. */
  async connectionClose(): Promise<Close> {
    return closeOf(await this.method(10, 50));
  }

  /** The server's channel.close. */
  async channelClose(channel: number): Promise<Close> {
    return closeOf(await this.method(20, 40, channel));
  }

  /** Waits until the server has ended the stream. */
  async closed(boundMs?: number): Promise<void> {
    await waitFor("the end of the stream", () => this.ended, boundMs);
  }

  #names(): string {
    return this.frames.map((received) => `${received.type}/${received.channel}`).join(" ");
  }

  #take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    if (this.#rest.length >= 8 && this.#rest.toString("latin1", 0, 4) === "AMQP") {
      this.#header = this.#rest.subarray(0, 8);
      this.#rest = this.#rest.subarray(8);
    }
    while (this.#rest.length >= 8) {
      const payloadBytes = this.#rest.readUInt32BE(3);
      if (this.#rest.length < payloadBytes + 8) return;
      if (this.#rest[payloadBytes + 7] !== 0xce) throw new Error("the server sent a frame without its end octet");
      const payload = Buffer.from(this.#rest.subarray(7, 7 + payloadBytes));
      this.frames.push({ type: this.#rest.readUInt8(0), channel: this.#rest.readUInt16BE(1), payload });
      this.#rest = this.#rest.subarray(payloadBytes + 8);
    }
  }
}

/** Everything that a client sends until connection.open-ok, which it may send without waiting. */
export function openingBytes(
  target: Pick<Target, "username" | "password">,
  tuning: { heartbeatSeconds?: number; frameMax?: number } = {},
): Buffer {
  const capabilities = table([
    ["authentication_failure_close", Buffer.from("t\x01")],
    ["consumer_cancel_notify", Buffer.from("t\x01")],
  ]);
  const properties = table([["capabilities", Buffer.concat([Buffer.from("F"), capabilities])]]);
  const credentials = `\0${target.username}\0${target.password}`;
  return Buffer.concat([
    Buffer.from("AMQP\0\0\x09\x01", "latin1"),
    method(0, 10, 11, properties, shortstr("PLAIN"), longstr(credentials), shortstr("en_US")),
    method(0, 10, 31, short(100), u32(tuning.frameMax ?? 131_072), short(tuning.heartbeatSeconds ?? 0)),
    method(0, 10, 40, shortstr("/"), shortstr(""), octet(0)),
  ]);
}

/** A heartbeat frame. */
export const heartbeat: Buffer = frame(8, 0, Buffer.alloc(0));

function closeOf(args: Buffer): Close {
  const textBytes = args.readUInt8(2);
  const after = 3 + textBytes;
  return {
    code: args.readUInt16BE(0),
    text: args.toString("utf8", 3, after),
    classId: args.readUInt16BE(after),
    methodId: args.readUInt16BE(after + 2),
  };
}
