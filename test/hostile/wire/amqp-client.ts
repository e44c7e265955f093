import { channelOpen, frame, longstr, method, octet, short, shortstr, table, u32 } from "../../harness/wire.ts";
import { within } from "../waiting.ts";
import { Arrivals } from "./arrivals.ts";
import { RawStream } from "./raw-stream.ts";

const answerMs = 60_000;
const deliver = 0x3c003c;

interface Waiter {
  readonly channel: number;
  readonly names: readonly number[];
  readonly resolve: (args: Buffer) => void;
  readonly reject: (error: Error) => void;
}

/** Why a channel or the connection was closed by the broker. */
interface Closed {
  /** 0 for the connection. */
  readonly channel: number;
  readonly code: number;
  readonly text: string;
}

/** AMQP 0-9-1 as an attacker speaks it: what he wants, and no more of the rest than keeps him connected. */
export class AmqpClient {
  readonly stream: RawStream;
  deliveries = 0;
  lastDeliveryTag = 0;
  /** The broker's last close, of a channel or of the connection. */
  closed: Closed | null = null;
  onBody: (channel: number, body: Buffer) => void = () => undefined;
  readonly #arrivals = new Arrivals<"delivery">();
  readonly #waiters: Waiter[] = [];
  #rest: Buffer = Buffer.alloc(0);

  private constructor(stream: RawStream) {
    this.stream = stream;
    stream.onData = (chunk) => this.#take(chunk);
    stream.socket.on("close", () => {
      this.#arrivals.end();
      this.#fail(new Error(`the broker ended the connection${this.#reason()}`));
    });
  }

  /** A connection with channel 1 open. */
  static async open(port: number, password = "guest"): Promise<AmqpClient> {
    const client = new AmqpClient(await RawStream.connect(port));
    const opened = client.answer(0, 0x0a0029);
    client.stream.send(openingBytes(password));
    await opened;
    await client.call(1, channelOpen(1), 0x14000b);
    return client;
  }

  /** The arguments of the next method of that kind: class and method in four bytes. */
  answer(channel: number, ...names: readonly number[]): Promise<Buffer> {
    const { promise, resolve, reject } = settleable<Buffer>();
    this.#waiters.push({ channel, names, resolve, reject });
    const what = `AMQP method ${names.map((name) => name.toString(16)).join(" or ")}`;
    return within(what, promise, answerMs);
  }

  /** Sends a method and waits for its answer. Rejects where the broker closes channel or connection instead. */
  call(channel: number, bytes: Buffer, ...names: readonly number[]): Promise<Buffer> {
    const answered = this.answer(channel, ...names);
    this.stream.send(bytes);
    return answered;
  }

  /** Whatever was sent before on this channel has been handled: basic.qos is answered. */
  async settled(channel = 1): Promise<void> {
    await this.call(channel, method(channel, 60, 10, u32(0), short(0), octet(0)), 0x3c000b);
  }

  /** Waits until so many deliveries have come. */
  async delivered(count: number, boundMs?: number): Promise<void> {
    await this.#arrivals.next("delivery", count, boundMs);
  }

  /**
   * True where the broker has closed the channel because somebody has had enough of its memory, which is in order: then
   * channel 1 is opened again. Whatever else went wrong is thrown on.
   */
  async wasRefused(error: unknown): Promise<boolean> {
    if (this.closed?.code !== 406 || !this.closed.text.includes("limit")) throw error;
    if (this.closed.channel === 1) await this.call(1, channelOpen(1), 0x14000b);
    return true;
  }

  /** Parses nothing any more, and counts bytes alone. */
  countBytesOnly(): void {
    this.stream.onData = () => undefined;
  }

  destroy(): void {
    this.stream.destroy();
  }

  #reason(): string {
    return this.closed === null ? "" : `: ${this.closed.code} ${this.closed.text}`;
  }

  #take(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= 8) {
      const end = at + 7 + bytes.readUInt32BE(at + 3);
      if (bytes.length <= end) break;
      this.#takeFrame(bytes.readUInt8(at), bytes.readUInt16BE(at + 1), bytes.subarray(at + 7, end));
      at = end + 1;
    }
    // A copy: what is kept must not hold the whole chunk.
    this.#rest = Buffer.from(bytes.subarray(at));
  }

  #takeFrame(type: number, channel: number, payload: Buffer): void {
    if (type === 3) this.onBody(channel, payload);
    if (type !== 1) return;
    const name = payload.readUInt32BE(0);
    if (name === deliver) {
      this.deliveries++;
      this.#arrivals.add("delivery");
      this.lastDeliveryTag = Number(payload.readBigUInt64BE(5 + payload.readUInt8(4)));
      return;
    }
    const args = payload.subarray(4);
    if (name === 0x0a0032 || name === 0x140028) this.#onClose(name, channel, args);
    const index = this.#waiters.findIndex((waiter) => waiter.channel === channel && waiter.names.includes(name));
    if (index >= 0) this.#waiters.splice(index, 1)[0]?.resolve(Buffer.from(args));
  }

  #onClose(name: number, channel: number, args: Buffer): void {
    this.closed = { channel, code: args.readUInt16BE(0), text: args.toString("utf8", 3, 3 + args.readUInt8(2)) };
    const ofConnection = name === 0x0a0032;
    this.stream.send(ofConnection ? method(0, 10, 51) : method(channel, 20, 41));
    const error = new Error(`the broker closed ${ofConnection ? "the connection" : "channel"}${this.#reason()}`);
    this.#fail(error, (waiter) => (ofConnection || waiter.channel === channel) && !waiter.names.includes(name));
  }

  #fail(error: Error, concerns: (waiter: Waiter) => boolean = () => true): void {
    const failed = this.#waiters.filter(concerns);
    for (const waiter of failed) this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
    for (const waiter of failed) waiter.reject(error);
  }
}

/** Everything that a client sends until connection.open-ok, which it may send without waiting. */
export function openingBytes(password: string): Buffer {
  const capabilities = table([
    ["authentication_failure_close", Buffer.from("t\x01")],
    ["connection.blocked", Buffer.from("t\x01")],
  ]);
  const properties = table([["capabilities", Buffer.concat([Buffer.from("F"), capabilities])]]);
  return Buffer.concat([
    Buffer.from("AMQP\0\0\x09\x01", "latin1"),
    method(0, 10, 11, properties, shortstr("PLAIN"), longstr(`\0guest\0${password}`), shortstr("en_US")),
    method(0, 10, 31, short(2047), u32(131_072), short(0)),
    method(0, 10, 40, shortstr("/"), shortstr(""), octet(0)),
  ]);
}

/** queue.declare with arguments; flags as in harness/wire. */
export function declareQueue(queue: string, flags: number, ...fields: readonly (readonly [string, Buffer])[]): Buffer {
  return method(1, 50, 10, short(0), shortstr(queue), octet(flags), table(fields));
}

/** queue.bind; nowait is 1. */
export function bindQueue(queue: string, exchange: string, key: string, flags = 0, args: Buffer = table([])): Buffer {
  return method(1, 50, 20, short(0), shortstr(queue), shortstr(exchange), shortstr(key), octet(flags), args);
}

/** A persistent or transient message with further properties, in one body frame. `flags` are those of the properties. */
export function publish(exchange: string, key: string, body: Buffer, deliveryMode = 1): Buffer {
  return Buffer.concat([
    method(1, 60, 40, short(0), shortstr(exchange), shortstr(key), octet(0)),
    contentHead(body.length, Buffer.concat([short(0x1000), octet(deliveryMode)])),
    ...(body.length === 0 ? [] : [frame(3, 1, body)]),
  ]);
}

/** A content header on channel 1; `properties` starts with its flags. */
export function contentHead(bodyBytes: number, properties: Buffer): Buffer {
  return frame(2, 1, Buffer.concat([short(60), short(0), u32(0), u32(bodyBytes), properties]));
}

function settleable<Value>(): {
  promise: Promise<Value>;
  resolve: (value: Value) => void;
  reject: (error: Error) => void;
} {
  let resolve!: (value: Value) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<Value>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}
