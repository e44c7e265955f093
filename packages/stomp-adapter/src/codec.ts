import {
  ChunkBuffer,
  endlessBudget,
  type GatedDecoder,
  type Payer,
  Tab,
  type TurnBudget,
} from "@jackalope/core/adapter";
import { FrameHead } from "./frame-head.ts";
import type { HeadLimits } from "./head-limits.ts";
import { SendTemplate } from "./send-template.ts";
import { malformed, StompError } from "./stomp-error.ts";

/**
 * Frames (STOMP 1.2 "Augmented BNF"): a head, a body up to `content-length` or else up to the first NUL, a NUL, and any
 * number of line ends, which alone are heart-beats.
 *
 *     | COMMAND LF | name:value LF … | LF | body | NUL | LF LF …
 */
const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** Receives frames as ranges of the buffer that they came in. The bytes never change afterwards. */
export interface FrameHandler {
  /** May throw: the decoder has moved past the frame before the call. */
  onFrame(head: FrameHead, bodyStart: number, bodyEnd: number): void;
  /** A SEND with the head that `template` was taught. */
  onRepeatedSend(template: SendTemplate, bodyEnd: number): void;
}

/** Says of frames, while an alarm is on, whether they are kept from the handler. */
export interface FrameHold {
  /** True where the frame is held: it is read again when it may be handled. `head` is null for a SEND like the last one. */
  holds(head: FrameHead | null, bytes: Buffer, start: number, end: number): boolean;
}

/** Cuts a byte stream into frames. A frame that lies whole in one chunk is handed over in place. */
export class FrameDecoder implements GatedDecoder {
  readonly head: FrameHead = new FrameHead();
  /** The session teaches it what its client repeats. */
  readonly template: SendTemplate = new SendTemplate();
  /** Null while every frame is handled as it comes. */
  hold: FrameHold | null = null;
  /** The largest body accepted; it grows at login. */
  bodyBytesMax: number;
  /** Bounds of a head; they grow at login. */
  limits: HeadLimits;
  readonly #handler: FrameHandler;
  readonly #input = new ChunkBuffer();
  /** Where the partial frame's body begins, 0 while its head is not complete. */
  #partialBodyStart = 0;
  /** The partial frame's content-length, -1 where it has none. */
  #partialLength = -1;
  /** While true, `run` returns after the current frame and keeps the rest. */
  stopped = false;

  constructor(bodyBytesMax: number, limits: HeadLimits, handler: FrameHandler) {
    this.bodyBytesMax = bodyBytesMax;
    this.limits = limits;
    this.#handler = handler;
  }

  /** The client is logged in: who pays for large frames that have not come whole. `run` then throws quota-exceeded, too. */
  paidBy(payer: Payer): void {
    this.#input.tab = new Tab(payer);
  }

  /** True while bytes wait that `run` has not looked at. */
  get hasRest(): boolean {
    return this.#input.chunk !== null;
  }

  /** Adds what the socket brought; the caller calls `run` next. The bytes must not change afterwards. */
  push(chunk: Buffer): void {
    this.#input.push(chunk);
  }

  /** Hands over whole frames while `budget` lasts. Throws what the handler throws, and StompError for frames that are none. */
  run(budget: TurnBudget = endlessBudget): void {
    const input = this.#input;
    if (input.chunk === null) return;
    while (input.partial !== null) {
      if (this.stopped || !budget.take()) return;
      if (!this.#completePartial()) return;
    }
    const { chunk } = input;
    while (!this.stopped && input.position < chunk.length && budget.take()) {
      const first = chunk[input.position];
      if (first === lineFeed || first === carriageReturn) input.position++;
      else if (!this.#next(chunk)) return;
    }
    if (input.position >= chunk.length) input.chunk = null;
  }

  /** Everything was handled: lets go of the bytes that it stood in. */
  release(): void {
    this.head.release();
    this.template.release();
  }

  /** Puts whole frames before everything that waits. Not from inside of `run`. */
  unread(bytes: Buffer): void {
    this.#input.unread(bytes);
    this.#partialBodyStart = 0;
  }

  /** Drops everything that waits: after an error in the stream nothing in it can be trusted. */
  drop(): void {
    this.#input.drop();
  }

  /** Hands over the frame at the position; false where its end is not in the chunk, which is then put aside. */
  #next(chunk: Buffer): boolean {
    const input = this.#input;
    const at = input.position;
    const { template } = this;
    if (template.match(chunk, at, chunk.length)) {
      const bodyEnd = this.#bodyEnd(chunk, template.bodyStart, template.contentLength, template.bodyStart);
      if (bodyEnd < 0) return this.#keepRest(template.bodyStart, template.contentLength);
      input.position = bodyEnd + 1;
      if (this.hold !== null && this.hold.holds(null, chunk, at, bodyEnd + 1)) return true;
      this.#handler.onRepeatedSend(template, bodyEnd);
      return true;
    }
    const { head } = this;
    if (!head.read(chunk, at, chunk.length, this.limits)) return this.#keepRest(at, -1);
    const bodyEnd = this.#bodyEnd(chunk, head.bodyStart, head.contentLength, head.bodyStart);
    if (bodyEnd < 0) return this.#keepRest(head.bodyStart, head.contentLength);
    input.position = bodyEnd + 1;
    if (this.hold !== null && this.hold.holds(head, chunk, at, bodyEnd + 1)) return true;
    this.#handler.onFrame(head, head.bodyStart, bodyEnd);
    return true;
  }

  /** Where the body ends, which is where its NUL stands; -1 where that has not come. Searches from `searchFrom` on. */
  #bodyEnd(bytes: Buffer, bodyStart: number, contentLength: number, searchFrom: number): number {
    if (contentLength < 0) {
      const nul = bytes.indexOf(0, searchFrom);
      if ((nul < 0 ? bytes.length : nul) - bodyStart > this.bodyBytesMax) this.#refuseBody();
      return nul;
    }
    if (contentLength > this.bodyBytesMax) this.#refuseBody();
    const end = bodyStart + contentLength;
    if (end >= bytes.length) return -1;
    if (bytes[end] !== 0) throw malformed("no NUL behind the body: content-length is wrong");
    return end;
  }

  #refuseBody(): never {
    throw new StompError("Frame too large", `a body of more than ${this.bodyBytesMax} bytes is not accepted`, true);
  }

  /** Without a whole head `bodyStart` is where it begins. */
  #keepRest(bodyStart: number, contentLength: number): false {
    this.#partialBodyStart = bodyStart - this.#input.position;
    this.#partialLength = contentLength;
    this.#input.keepRest();
    return false;
  }

  /** Gathers the partial frame; true when it was whole and has been handed over, and there is more. */
  #completePartial(): boolean {
    if (this.#partialBodyStart === 0 && !this.#completeHead()) return false;
    const { head } = this;
    const input = this.#input;
    const bodyStart = this.#partialBodyStart;
    if (!this.#completeBody(bodyStart, this.#partialLength)) return false;
    const bytes = this.#bytesOfPartial();
    head.read(bytes, 0, bytes.length, this.limits);
    const bodyEnd = bytes.length - 1;
    if (bytes[bodyEnd] !== 0) throw malformed("no NUL behind the body: content-length is wrong");
    input.endPartial();
    if (input.position >= (input.chunk as Buffer).length && !this.stopped) input.chunk = null;
    const held = this.hold !== null && this.hold.holds(head, bytes, 0, bytes.length);
    if (!held) this.#handler.onFrame(head, bodyStart, bodyEnd);
    return input.chunk !== null;
  }

  #completeHead(): boolean {
    const input = this.#input;
    const available = (input.chunk as Buffer).length - input.position;
    // One byte more than is allowed is enough to be refused for it.
    const boundBytes = this.limits.headBytesMax + 1;
    input.take(Math.min(available, Math.max(boundBytes - input.partialBytes, 1)), boundBytes);
    if (!this.head.read(this.#bytesOfPartial(), 0, input.partialBytes, this.limits)) {
      input.chunk = null;
      return false;
    }
    // What was taken beyond the head goes back.
    this.#partialBodyStart = this.head.bodyStart;
    this.#partialLength = this.head.contentLength;
    input.position -= input.partialBytes - this.head.bodyStart;
    input.partialBytes = this.head.bodyStart;
    return true;
  }

  #completeBody(bodyStart: number, contentLength: number): boolean {
    const input = this.#input;
    const chunk = input.chunk as Buffer;
    if (contentLength >= 0) {
      if (contentLength > this.bodyBytesMax) this.#refuseBody();
      return input.fill(bodyStart + contentLength + 1);
    }
    const nul = chunk.indexOf(0, input.position);
    const taken = (nul < 0 ? chunk.length : nul + 1) - input.position;
    const frameBytesMax = bodyStart + this.bodyBytesMax + 1;
    if (input.partialBytes + taken > frameBytesMax) this.#refuseBody();
    input.take(taken, frameBytesMax);
    if (nul >= 0) return true;
    input.chunk = null;
    return false;
  }

  #bytesOfPartial(): Buffer {
    return (this.#input.partial as Buffer).subarray(0, this.#input.partialBytes);
  }
}
