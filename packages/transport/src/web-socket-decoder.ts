import { isUtf8 } from "node:buffer";
import { Utf8Check } from "./utf8-check.ts";

/** Who is told what stands between the bytes. */
export interface WebSocketHandler {
  /** A message begins. A close code to refuse it, 0 to take it. */
  onMessage(isText: boolean): number;
  onPing(payload: Buffer): void;
}

/** How a stream of frames ended: the client said goodbye, with a code or (0) without; or it broke the rules. */
export interface WebSocketEnd {
  readonly kind: "closed" | "failed";
  readonly code: number;
}

/** RFC 6455, 5.2. */
const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9 } as const;
/** RFC 6455, 7.4.1. */
const closeCodes = { protocolError: 1002, notUtf8: 1007, tooBig: 1009 } as const;
const controlBytesMax = 125;
const maskBytes = 4;
/** Two bytes, a length of eight, a mask. */
const headerBytesMax = 14;
/** A number of JavaScript has 53 bits. */
const highLengthMax = 2 ** 21 - 1;

/**
 * Takes the frames of a client's WebSocket apart (RFC 6455, 5). What a protocol sent comes out as a stream, as from a
 * socket: a message is never gathered here, so an unfinished one costs nothing, however long it says it will be and
 * however many fragments it has, and the protocol's own bounds hold as on TCP.
 *
 *     |FIN RSV opcode|MASK length| length of 2 or 8 bytes | mask of 4 bytes | payload
 */
export class WebSocketDecoder {
  readonly #handler: WebSocketHandler;
  readonly #header = Buffer.alloc(headerBytesMax);
  readonly #control = Buffer.alloc(controlBytesMax);
  readonly #utf8 = new Utf8Check();
  #headerBytes = 0;
  /** How long the header is, as far as one can tell. */
  #headerBytesWanted = 2;
  #opcode = 0;
  #payloadBytes = 0;
  #payloadBytesTaken = 0;
  /** Opcode of the message under way, 0 between messages. */
  #message = 0;
  #end: WebSocketEnd | null = null;

  constructor(handler: WebSocketHandler) {
    this.#handler = handler;
  }

  /** Not null once nothing more is decoded. */
  get end(): WebSocketEnd | null {
    return this.#end;
  }

  /** Returns what the protocol has in `chunk`, whose memory is used for it. */
  decode(chunk: Buffer): Buffer {
    let position = 0;
    let outBytes = 0;
    while (position < chunk.length && this.#end === null) {
      if (this.#headerBytes < this.#headerBytesWanted) {
        this.#header[this.#headerBytes++] = chunk[position++] as number;
        this.#headerGrew();
        continue;
      }
      const count = Math.min(this.#payloadBytes - this.#payloadBytesTaken, chunk.length - position);
      outBytes += this.#take(chunk, position, count, outBytes);
      position += count;
    }
    return chunk.subarray(0, outBytes);
  }

  #headerGrew(): void {
    if (this.#headerBytes < this.#headerBytesWanted) return;
    if (this.#headerBytesWanted === 2) this.#begin();
    if (this.#end !== null || this.#headerBytes < this.#headerBytesWanted) return;
    this.#payloadBytes = this.#length();
    this.#payloadBytesTaken = 0;
    if (this.#payloadBytes === 0 && this.#end === null) this.#frameEnded();
  }

  /** The first two bytes are there. */
  #begin(): void {
    const [first = 0, second = 0] = this.#header;
    const opcode = first & 0x0f;
    const length = second & 0x7f;
    const isControl = (opcode & 8) !== 0;
    const isFinal = (first & 0x80) !== 0;
    // 5.2: no extension was agreed on; 5.1: a client masks.
    if ((first & 0x70) !== 0 || (second & 0x80) === 0) return this.#fail(closeCodes.protocolError);
    // 5.5: control frames are short and whole.
    if (isControl && (!isFinal || length > controlBytesMax || opcode > 10)) return this.#fail(closeCodes.protocolError);
    if (!isControl && !this.#messageGoesOn(opcode)) return;
    this.#opcode = opcode;
    this.#headerBytesWanted = 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + maskBytes;
  }

  /** 5.4: a message is one frame, or one with continuations that nothing but control frames interrupts. */
  #messageGoesOn(opcode: number): boolean {
    const begins = opcode === opcodes.text || opcode === opcodes.binary;
    if (begins ? this.#message !== 0 : opcode !== opcodes.continuation || this.#message === 0) {
      this.#fail(closeCodes.protocolError);
    } else if (begins) {
      this.#message = opcode;
      const refusal = this.#handler.onMessage(opcode === opcodes.text);
      if (refusal !== 0) this.#fail(refusal);
    }
    return this.#end === null;
  }

  #length(): number {
    const header = this.#header;
    const length = (header[1] as number) & 0x7f;
    if (length < 126) return length;
    if (length === 126) return header.readUInt16BE(2);
    const high = header.readUInt32BE(2);
    if (high > highLengthMax) this.#fail(closeCodes.tooBig);
    return high * 2 ** 32 + header.readUInt32BE(6);
  }

  /** Unmasks `count` bytes of payload. Returns how many of them, from `outBytes` on, are the protocol's. */
  #take(chunk: Buffer, position: number, count: number, outBytes: number): number {
    const isControl = (this.#opcode & 8) !== 0;
    const out = isControl ? this.#control : chunk;
    const outPosition = isControl ? this.#payloadBytesTaken : outBytes;
    this.#unmask(chunk, position, count, out, outPosition);
    this.#payloadBytesTaken += count;
    if (!isControl && this.#message === opcodes.text) {
      // 8.1
      if (!this.#utf8.push(chunk.subarray(outPosition, outPosition + count))) {
        this.#fail(closeCodes.notUtf8);
        return 0;
      }
    }
    if (this.#payloadBytesTaken === this.#payloadBytes) this.#frameEnded();
    return isControl ? 0 : count;
  }

  /** 5.3. In place nothing is written ahead of what is read. */
  #unmask(from: Buffer, position: number, count: number, to: Buffer, toPosition: number): void {
    const header = this.#header;
    const mask = this.#headerBytesWanted - maskBytes;
    const offset = this.#payloadBytesTaken;
    const first = header[mask + (offset & 3)] as number;
    const second = header[mask + ((offset + 1) & 3)] as number;
    const third = header[mask + ((offset + 2) & 3)] as number;
    const fourth = header[mask + ((offset + 3) & 3)] as number;
    const end = position + count;
    let read = position;
    let write = toPosition;
    for (; read + maskBytes <= end; read += maskBytes, write += maskBytes) {
      to[write] = (from[read] as number) ^ first;
      to[write + 1] = (from[read + 1] as number) ^ second;
      to[write + 2] = (from[read + 2] as number) ^ third;
      to[write + 3] = (from[read + 3] as number) ^ fourth;
    }
    for (let index = offset; read < end; index++, read++, write++) {
      to[write] = (from[read] as number) ^ (header[mask + (index & 3)] as number);
    }
  }

  #frameEnded(): void {
    const isFinal = ((this.#header[0] as number) & 0x80) !== 0;
    this.#headerBytes = 0;
    this.#headerBytesWanted = 2;
    if ((this.#opcode & 8) !== 0) this.#controlEnded(this.#control.subarray(0, this.#payloadBytes));
    else if (isFinal) {
      if (this.#message === opcodes.text && !this.#utf8.end()) this.#fail(closeCodes.notUtf8);
      this.#message = 0;
    }
  }

  #controlEnded(payload: Buffer): void {
    if (this.#opcode === opcodes.ping) this.#handler.onPing(payload);
    if (this.#opcode !== opcodes.close) return;
    // 5.5.1: nothing, or a code and perhaps a reason.
    if (payload.length === 0) this.#end = { kind: "closed", code: 0 };
    else if (payload.length === 1 || !isCloseCode(payload.readUInt16BE(0))) this.#fail(closeCodes.protocolError);
    else if (!isUtf8(payload.subarray(2))) this.#fail(closeCodes.notUtf8);
    else this.#end = { kind: "closed", code: payload.readUInt16BE(0) };
  }

  #fail(code: number): void {
    this.#end = { kind: "failed", code };
  }
}

/** RFC 6455, 7.4, and IANA's list: codes that may stand in a close frame. */
function isCloseCode(code: number): boolean {
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006;
}
