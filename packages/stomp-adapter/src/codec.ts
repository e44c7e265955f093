import { FrameHead, type HeadLimits } from "./frame-head.ts";
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

const firstAssemblyBytes = 1024;

/**
 * Cuts a byte stream into frames. A frame that lies whole in one chunk is handed over in place; one that straddles
 * chunks is gathered in a buffer of its own, which grows with what has come, not with what was promised.
 */
export class FrameDecoder {
  readonly head: FrameHead = new FrameHead();
  /** The session teaches it what its client repeats. */
  readonly template: SendTemplate = new SendTemplate();
  /** The largest body accepted; it grows at login. */
  bodyBytesMax: number;
  readonly #handler: FrameHandler;
  readonly #limits: HeadLimits;
  #chunk: Buffer | null = null;
  #position = 0;
  /** The beginning of a frame whose end has not come. */
  #partial: Buffer | null = null;
  #partialBytes = 0;
  /** Where the partial frame's body begins, 0 while its head is not complete. */
  #partialBodyStart = 0;
  /** The partial frame's content-length, -1 where it has none. */
  #partialLength = -1;
  /** While true, `run` returns after the current frame and keeps the rest. */
  stopped = false;

  constructor(bodyBytesMax: number, limits: HeadLimits, handler: FrameHandler) {
    this.bodyBytesMax = bodyBytesMax;
    this.#limits = limits;
    this.#handler = handler;
  }

  /** True while bytes wait that `run` has not looked at. */
  get hasRest(): boolean {
    return this.#chunk !== null;
  }

  /** Adds what the socket brought; the caller calls `run` next. The bytes must not change afterwards. */
  push(chunk: Buffer): void {
    if (this.#chunk === null) {
      this.#chunk = chunk;
      this.#position = 0;
      return;
    }
    // Only while stopped: a chunk that was under way when the socket was paused.
    this.#chunk = Buffer.concat([this.#chunk.subarray(this.#position), chunk]);
    this.#position = 0;
  }

  /** Hands over every whole frame. Throws what the handler throws, and StompError for frames that are none. */
  run(): void {
    if (this.#chunk === null) return;
    while (this.#partial !== null) {
      if (this.stopped) return;
      if (!this.#completePartial(this.#chunk)) return;
    }
    const chunk = this.#chunk;
    while (!this.stopped && this.#position < chunk.length) {
      const first = chunk[this.#position];
      if (first === lineFeed || first === carriageReturn) this.#position++;
      else if (!this.#next(chunk)) return;
    }
    if (this.#position >= chunk.length) this.#chunk = null;
  }

  /** Everything was handled: lets go of the bytes that it stood in. */
  release(): void {
    this.head.release();
    this.template.release();
  }

  /** Drops everything that waits: after an error in the stream nothing in it can be trusted. */
  drop(): void {
    this.#chunk = null;
    this.#partial = null;
  }

  /** Hands over the frame at the position; false where its end is not in the chunk, which is then put aside. */
  #next(chunk: Buffer): boolean {
    const at = this.#position;
    const { template } = this;
    if (template.match(chunk, at, chunk.length)) {
      const bodyEnd = this.#bodyEnd(chunk, template.bodyStart, template.contentLength, template.bodyStart);
      if (bodyEnd < 0) return this.#keepRest(chunk, template.bodyStart, template.contentLength);
      this.#position = bodyEnd + 1;
      this.#handler.onRepeatedSend(template, bodyEnd);
      return true;
    }
    const { head } = this;
    if (!head.read(chunk, at, chunk.length, this.#limits)) return this.#keepRest(chunk, at, -1);
    const bodyEnd = this.#bodyEnd(chunk, head.bodyStart, head.contentLength, head.bodyStart);
    if (bodyEnd < 0) return this.#keepRest(chunk, head.bodyStart, head.contentLength);
    this.#position = bodyEnd + 1;
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

  /** Copies what is left, so that a waiting half frame does not pin the chunk. Without a whole head `bodyStart` is its start. */
  #keepRest(chunk: Buffer, bodyStart: number, contentLength: number): false {
    const restBytes = chunk.length - this.#position;
    this.#chunk = null;
    this.#partial = Buffer.allocUnsafeSlow(Math.max(restBytes, firstAssemblyBytes));
    chunk.copy(this.#partial, 0, this.#position);
    this.#partialBytes = restBytes;
    this.#partialBodyStart = bodyStart - this.#position;
    this.#partialLength = contentLength;
    return false;
  }

  /** Moves bytes from the chunk to the partial frame; true when the frame was complete and has been handed over. */
  #completePartial(chunk: Buffer): boolean {
    if (this.#partialBodyStart === 0 && !this.#completeHead(chunk)) return false;
    const { head } = this;
    const bodyStart = this.#partialBodyStart;
    if (!this.#completeBody(chunk, bodyStart, this.#partialLength)) return false;
    const bytes = this.#bytesOfPartial();
    head.read(bytes, 0, bytes.length, this.#limits);
    const bodyEnd = bytes.length - 1;
    if (bytes[bodyEnd] !== 0) throw malformed("no NUL behind the body: content-length is wrong");
    this.#partial = null;
    if (this.#position >= chunk.length && !this.stopped) this.#chunk = null;
    this.#handler.onFrame(head, bodyStart, bodyEnd);
    return this.#chunk !== null;
  }

  #completeHead(chunk: Buffer): boolean {
    const before = this.#partialBytes;
    // One byte more than is allowed is enough to be refused for it.
    const wanted = this.#limits.headBytesMax + 1 - before;
    this.#append(chunk, Math.min(chunk.length - this.#position, Math.max(wanted, 1)));
    if (!this.head.read(this.#bytesOfPartial(), 0, this.#partialBytes, this.#limits)) {
      this.#chunk = null;
      return false;
    }
    // What was taken beyond the head goes back.
    this.#partialBodyStart = this.head.bodyStart;
    this.#partialLength = this.head.contentLength;
    this.#position -= this.#partialBytes - this.head.bodyStart;
    this.#partialBytes = this.head.bodyStart;
    return true;
  }

  #completeBody(chunk: Buffer, bodyStart: number, contentLength: number): boolean {
    const gathered = this.#partialBytes - bodyStart;
    const available = chunk.length - this.#position;
    if (contentLength > this.bodyBytesMax) this.#refuseBody();
    const nul = contentLength < 0 ? chunk.indexOf(0, this.#position) : -1;
    const wanted =
      contentLength >= 0 ? contentLength + 1 - gathered : nul < 0 ? available + 1 : nul + 1 - this.#position;
    const taken = Math.min(wanted, available);
    if (gathered + taken > this.bodyBytesMax + 1) this.#refuseBody();
    this.#append(chunk, taken);
    if (taken === wanted) return true;
    this.#chunk = null;
    return false;
  }

  #bytesOfPartial(): Buffer {
    return (this.#partial as Buffer).subarray(0, this.#partialBytes);
  }

  #append(chunk: Buffer, count: number): void {
    let partial = this.#partial as Buffer;
    const needed = this.#partialBytes + count;
    if (needed > partial.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, partial.length * 2));
      partial.copy(larger, 0, 0, this.#partialBytes);
      this.#partial = partial = larger;
    }
    chunk.copy(partial, this.#partialBytes, this.#position, this.#position + count);
    this.#partialBytes = needed;
    this.#position += count;
  }
}
