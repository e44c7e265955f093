import { connect, type Socket } from "node:net";
import { allMethods } from "../src/methods/all.ts";
import {
  connectionOpen,
  connectionOpenOk,
  connectionStart,
  connectionStartOk,
  connectionTune,
  connectionTuneOk,
} from "../src/methods/connection.ts";
import { channelOpen, channelOpenOk } from "../src/methods/channel.ts";
import type { MethodArguments, MethodDefinition } from "../src/methods/definition.ts";
import { argumentsBytes, decodeArguments, writeArguments } from "../src/methods/method-codec.ts";

/** A frame as it came. */
export interface RawFrame {
  readonly type: number;
  readonly channel: number;
  readonly payload: Buffer;
}

/** A method that came, with its arguments. */
export interface ReceivedMethod {
  readonly name: string;
  readonly channel: number;
  readonly values: Readonly<Record<string, unknown>>;
}

export const header: Buffer = Buffer.from("AMQP\0\0\x09\x01", "latin1");

/** Any frame, right or wrong. */
export function frame(type: number, channel: number, payload: Uint8Array, end = 0xce): Buffer {
  const bytes = Buffer.alloc(payload.length + 8);
  bytes[0] = type;
  bytes.writeUInt16BE(channel, 1);
  bytes.writeUInt32BE(payload.length, 3);
  bytes.set(payload, 7);
  bytes[payload.length + 7] = end;
  return bytes;
}

export function shortString(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

export function longString(bytes: Uint8Array): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32BE(bytes.length);
  return Buffer.concat([size, bytes]);
}

/** A method frame from class, method and argument bytes. */
export function rawMethod(
  channel: number,
  classId: number,
  methodId: number,
  args: Uint8Array = Buffer.alloc(0),
): Buffer {
  const ids = Buffer.alloc(4);
  ids.writeUInt16BE(classId, 0);
  ids.writeUInt16BE(methodId, 2);
  return frame(1, channel, Buffer.concat([ids, args]));
}

/** A method frame from its definition. */
export function method<M extends MethodDefinition>(channel: number, definition: M, values: MethodArguments<M>): Buffer {
  const args = Buffer.alloc(argumentsBytes(definition, values));
  const end = writeArguments(definition, values, args, 0);
  return rawMethod(channel, definition.classId, definition.methodId, args.subarray(0, end));
}

/** A content header frame for a body of `bodyBytes`. */
export function contentHeader(
  channel: number,
  bodyBytes: number,
  native: Uint8Array = Buffer.of(0, 0),
  classId = 60,
): Buffer {
  const fixed = Buffer.alloc(12);
  fixed.writeUInt16BE(classId, 0);
  fixed.writeBigUInt64BE(BigInt(bodyBytes), 4);
  return frame(2, channel, Buffer.concat([fixed, native]));
}

const waitMs = 5000;
const receivedBytesMax = 64 * 1024;

/** A client made of bytes: it can do everything wrong. */
export class RawClient {
  readonly socket: Socket;
  #chunks: Buffer[] = [];
  #waitingBytes = 0;
  #wake: (() => void) | null = null;
  closed = false;
  /** The beginning of what came, for tests below the frames. */
  received = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#waitingBytes += chunk.length;
      if (this.received.length < receivedBytesMax) this.received = Buffer.concat([this.received, chunk]);
      this.#wake?.();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.closed = true;
      this.#wake?.();
    });
  }

  static connect(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true }, () => resolve(new RawClient(socket)));
      socket.once("error", reject);
    });
  }

  send(...bytes: Uint8Array[]): void {
    this.socket.write(Buffer.concat(bytes));
  }

  /** The next frame, or null once the server closed the socket. Rejects after a while. */
  async frame(): Promise<RawFrame | null> {
    for (;;) {
      const size = this.#waitingBytes >= 7 ? this.#joined(7).readUInt32BE(3) : -1;
      if (size >= 0 && this.#waitingBytes >= size + 8) {
        const bytes = this.#joined(size + 8);
        this.#chunks[0] = bytes.subarray(size + 8);
        this.#waitingBytes -= size + 8;
        return { type: bytes[0] as number, channel: bytes.readUInt16BE(1), payload: bytes.subarray(7, 7 + size) };
      }
      if (this.closed) return null;
      await this.#more();
    }
  }

  /** The next method frame with its arguments; heartbeats are passed over. Rejects where the socket closed. */
  async method(): Promise<ReceivedMethod> {
    let next = await this.frame();
    while (next !== null && next.type === 8) next = await this.frame();
    if (next === null) throw new Error("the server closed the socket");
    if (next.type !== 1) throw new Error(`expected a method, got a frame of type ${next.type}`);
    const { payload, channel } = next;
    const definition = allMethods.find(
      (one) => one.classId === payload.readUInt16BE(0) && one.methodId === payload.readUInt16BE(2),
    );
    if (definition === undefined) throw new Error(`unknown method ${payload.toString("hex", 0, 4)}`);
    return { name: definition.name, channel, values: decodeArguments(definition, payload, 4, payload.length) };
  }

  /** Sends a method and takes the next method as its answer, which must be `reply`. */
  async call<M extends MethodDefinition, R extends MethodDefinition>(
    channel: number,
    definition: M,
    values: MethodArguments<M>,
    reply: R,
  ): Promise<MethodArguments<R>> {
    this.send(method(channel, definition, values));
    return this.expect(reply);
  }

  async expect<R extends MethodDefinition>(reply: R): Promise<MethodArguments<R>> {
    const answer = await this.method();
    if (answer.name !== reply.name) {
      throw new Error(`expected ${reply.name}, got ${answer.name} ${JSON.stringify(answer.values)}`);
    }
    return answer.values as MethodArguments<R>;
  }

  /** Header and body frames of one message. */
  async content(): Promise<{ native: Buffer; body: Buffer; frames: number }> {
    const first = await this.frame();
    if (first?.type !== 2) throw new Error(`expected a content header, got ${first?.type}`);
    const size = Number(first.payload.readBigUInt64BE(4));
    const parts: Buffer[] = [];
    for (let bytes = 0; bytes < size; bytes += parts[parts.length - 1]?.length ?? 0) {
      const part = await this.frame();
      if (part?.type !== 3) throw new Error(`expected a content body, got ${part?.type}`);
      parts.push(part.payload);
    }
    return { native: first.payload.subarray(12), body: Buffer.concat(parts), frames: parts.length };
  }

  /** Protocol header, start, tune, open. */
  async handshake(options: HandshakeOptions = {}): Promise<void> {
    await this.login(options);
    const tune = await this.expect(connectionTune);
    this.send(
      method(0, connectionTuneOk, {
        channelMax: options.channelMax ?? tune.channelMax,
        frameMax: options.frameMax ?? tune.frameMax,
        heartbeat: options.heartbeat ?? 0,
      }),
      method(0, connectionOpen, { virtualHost: options.virtualHost ?? "/", capabilities: "", insist: false }),
    );
    await this.expect(connectionOpenOk);
  }

  /** Protocol header and start-ok. */
  async login(options: HandshakeOptions = {}): Promise<void> {
    this.send(header);
    await this.expect(connectionStart);
    this.send(
      method(0, connectionStartOk, {
        clientProperties: [
          [
            "capabilities",
            {
              kind: "table",
              value: (options.capabilities ?? []).map((name) => [name, { kind: "boolean", value: true }] as const),
            },
          ],
        ],
        mechanism: options.mechanism ?? "PLAIN",
        response: options.response ?? Buffer.from("\0guest\0guest"),
        locale: "en_US",
      }),
    );
  }

  async openChannel(channel: number): Promise<void> {
    await this.call(channel, channelOpen, { outOfBand: "" }, channelOpenOk);
  }

  /** Resolves once the server has closed the socket. */
  async end(): Promise<void> {
    while (!this.closed) await this.#more();
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** The first chunk, made to hold at least `count` bytes. */
  #joined(count: number): Buffer {
    while ((this.#chunks[0]?.length ?? 0) < count) {
      let end = 0;
      for (let bytes = 0; bytes < count; end++) bytes += this.#chunks[end]?.length ?? 0;
      this.#chunks.splice(0, end, Buffer.concat(this.#chunks.slice(0, end)));
    }
    return this.#chunks[0] as Buffer;
  }

  #more(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`nothing came for ${waitMs} ms`)), waitMs);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
    });
  }
}

export interface HandshakeOptions {
  readonly mechanism?: string;
  readonly response?: Buffer;
  readonly capabilities?: readonly string[];
  readonly channelMax?: number;
  readonly frameMax?: number;
  readonly heartbeat?: number;
  readonly virtualHost?: string;
}
