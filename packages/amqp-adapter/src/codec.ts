import type { Outbox } from "@jackalope/core/adapter";
import { frameTooLarge, wrongFrameEnd } from "./frame-error.ts";
import type { MethodArguments, MethodDefinition } from "./methods/definition.ts";
import { argumentsBytes, writeArguments } from "./methods/method-codec.ts";

/**
 * Frames (AMQP 0-9-1, 4.2.3):
 *
 *     | type 1 | channel 2 | payload size 4 | payload … | 0xCE |
 */
export const frameTypes = { method: 1, header: 2, body: 3, heartbeat: 8 } as const;
export const frameEndByte = 0xce;
/** What a frame is longer than its payload. */
export const frameOverheadBytes = 8;
/** Type, channel and size. */
export const frameHeaderBytes = 7;

/** Receives frames as ranges of the buffer that they came in. The bytes never change afterwards. */
export interface FrameHandler {
  /** May throw: the decoder has moved past the frame before the call. */
  onFrame(type: number, channelNumber: number, bytes: Buffer, start: number, end: number): void;
}

const firstAssemblyBytes = 1024;

/**
 * Cuts a byte stream into frames. A frame that lies whole in one chunk is handed over in place; one that straddles
 * chunks is gathered in a buffer of its own, which grows with what has come, not with what was promised.
 */
export class FrameDecoder {
  /** The largest frame accepted, overhead included; set when it is negotiated. */
  frameBytesMax: number;
  readonly #handler: FrameHandler;
  #chunk: Buffer | null = null;
  #position = 0;
  /** The beginning of a frame whose end has not come. */
  #partial: Buffer | null = null;
  #partialBytes = 0;
  /** While true, `run` returns after the current frame and keeps the rest. */
  stopped = false;

  constructor(frameBytesMax: number, handler: FrameHandler) {
    this.frameBytesMax = frameBytesMax;
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

  /** Hands over every whole frame. Throws what the handler throws, and 501 for frames that are none. */
  run(): void {
    if (this.#chunk === null) return;
    while (this.#partial !== null) {
      if (this.stopped) return;
      if (!this.#completePartial(this.#chunk)) return;
    }
    const chunk = this.#chunk;
    const handler = this.#handler;
    const length = chunk.length;
    while (!this.stopped) {
      const at = this.#position;
      if (length - at < frameHeaderBytes) return this.#keepRest(chunk);
      const size =
        (((chunk[at + 3] as number) << 24) |
          ((chunk[at + 4] as number) << 16) |
          ((chunk[at + 5] as number) << 8) |
          (chunk[at + 6] as number)) >>>
        0;
      if (size + frameOverheadBytes > this.frameBytesMax) this.#refuseSize(chunk, at, size);
      const end = at + frameHeaderBytes + size;
      if (end >= length) return this.#keepRest(chunk);
      if (chunk[end] !== frameEndByte) throw wrongFrameEnd(chunk, at, end);
      this.#position = end + 1;
      const channelNumber = ((chunk[at + 1] as number) << 8) | (chunk[at + 2] as number);
      handler.onFrame(chunk[at] as number, channelNumber, chunk, at + frameHeaderBytes, end);
    }
    if (this.#position === length) this.#chunk = null;
  }

  /** Drops everything that waits: after an error in the stream nothing in it can be trusted. */
  drop(): void {
    this.#chunk = null;
    this.#partial = null;
  }

  #refuseSize(bytes: Buffer, at: number, size: number): never {
    throw frameTooLarge(bytes, at, size, this.frameBytesMax - frameOverheadBytes);
  }

  #keepRest(chunk: Buffer): void {
    const restBytes = chunk.length - this.#position;
    this.#chunk = null;
    if (restBytes === 0) return;
    // A copy, so that a waiting half frame does not pin the chunk.
    this.#partial = Buffer.allocUnsafeSlow(Math.max(restBytes, firstAssemblyBytes));
    chunk.copy(this.#partial, 0, this.#position);
    this.#partialBytes = restBytes;
  }

  /** Moves bytes from the chunk to the partial frame; true when the frame was complete and has been handed over. */
  #completePartial(chunk: Buffer): boolean {
    if (!this.#fill(chunk, frameHeaderBytes)) return false;
    const size = (this.#partial as Buffer).readUInt32BE(3);
    if (size + frameOverheadBytes > this.frameBytesMax) this.#refuseSize(this.#partial as Buffer, 0, size);
    if (!this.#fill(chunk, size + frameOverheadBytes)) return false;
    const bytes = this.#partial as Buffer;
    const end = frameHeaderBytes + size;
    if (bytes[end] !== frameEndByte) throw wrongFrameEnd(bytes, 0, end);
    this.#partial = null;
    if (this.#position === chunk.length && !this.stopped) this.#chunk = null;
    this.#handler.onFrame(bytes[0] as number, bytes.readUInt16BE(1), bytes, frameHeaderBytes, end);
    return this.#chunk !== null;
  }

  /** Copies until the partial frame has `wanted` bytes; false where the chunk ends before. */
  #fill(chunk: Buffer, wanted: number): boolean {
    const missing = wanted - this.#partialBytes;
    if (missing <= 0) return true;
    const available = Math.min(missing, chunk.length - this.#position);
    const needed = this.#partialBytes + available;
    let partial = this.#partial as Buffer;
    if (needed > partial.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(Math.max(needed, partial.length * 2), this.frameBytesMax));
      partial.copy(larger, 0, 0, this.#partialBytes);
      partial = larger;
      this.#partial = partial;
    }
    chunk.copy(partial, this.#partialBytes, this.#position, this.#position + available);
    this.#partialBytes += available;
    this.#position += available;
    if (available === missing) return true;
    this.#chunk = null;
    return false;
  }
}

/** Writes one method frame. Rare methods only: it walks the definition. */
export function writeMethod<M extends MethodDefinition>(
  outbox: Outbox,
  channelNumber: number,
  definition: M,
  values: MethodArguments<M>,
): void {
  outbox.reserve(argumentsBytes(definition, values) + 4 + frameOverheadBytes);
  const { buffer, position } = outbox;
  buffer[position] = frameTypes.method;
  buffer.writeUInt16BE(channelNumber, position + 1);
  buffer.writeUInt16BE(definition.classId, position + 7);
  buffer.writeUInt16BE(definition.methodId, position + 9);
  const end = writeArguments(definition, values, buffer, position + 11);
  buffer.writeUInt32BE(end - position - frameHeaderBytes, position + 3);
  buffer[end] = frameEndByte;
  outbox.position = end + 1;
}

/** Writes a heartbeat frame (4.2.7). */
export function writeHeartbeat(outbox: Outbox): void {
  outbox.reserve(frameOverheadBytes);
  outbox.buffer.set(heartbeatFrame, outbox.position);
  outbox.position += frameOverheadBytes;
}

const heartbeatFrame = Uint8Array.of(frameTypes.heartbeat, 0, 0, 0, 0, 0, 0, frameEndByte);
