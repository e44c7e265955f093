import { ChunkBuffer, endlessBudget, type GatedDecoder, type Outbox, type TurnBudget } from "@jackalope/core/adapter";
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

/** Cuts a byte stream into frames. A frame that lies whole in one chunk is handed over in place. */
export class FrameDecoder implements GatedDecoder {
  /** The largest frame accepted, overhead included; set when it is negotiated. */
  frameBytesMax: number;
  readonly #handler: FrameHandler;
  readonly #input = new ChunkBuffer();
  /** While true, `run` returns after the current frame and keeps the rest. */
  stopped = false;

  constructor(frameBytesMax: number, handler: FrameHandler) {
    this.frameBytesMax = frameBytesMax;
    this.#handler = handler;
  }

  /** True while bytes wait that `run` has not looked at. */
  get hasRest(): boolean {
    return this.#input.chunk !== null;
  }

  /** Adds what the socket brought; the caller calls `run` next. The bytes must not change afterwards. */
  push(chunk: Buffer): void {
    this.#input.push(chunk);
  }

  /** Hands over whole frames while `budget` lasts. Throws what the handler throws, and 501 for frames that are none. */
  run(budget: TurnBudget = endlessBudget): void {
    const input = this.#input;
    if (input.chunk === null) return;
    while (input.partial !== null) {
      if (this.stopped || !budget.take()) return;
      if (!this.#completePartial()) return;
    }
    const { chunk } = input;
    const handler = this.#handler;
    const length = chunk.length;
    while (!this.stopped && budget.take()) {
      const at = input.position;
      if (length - at < frameHeaderBytes) return input.keepRest();
      const size =
        (((chunk[at + 3] as number) << 24) |
          ((chunk[at + 4] as number) << 16) |
          ((chunk[at + 5] as number) << 8) |
          (chunk[at + 6] as number)) >>>
        0;
      if (size + frameOverheadBytes > this.frameBytesMax) this.#refuseSize(chunk, at, size);
      const end = at + frameHeaderBytes + size;
      if (end >= length) return input.keepRest();
      if (chunk[end] !== frameEndByte) throw wrongFrameEnd(chunk, at, end);
      input.position = end + 1;
      const channelNumber = ((chunk[at + 1] as number) << 8) | (chunk[at + 2] as number);
      handler.onFrame(chunk[at] as number, channelNumber, chunk, at + frameHeaderBytes, end);
    }
    if (input.position === length) input.chunk = null;
  }

  /** Puts whole frames before everything that waits. Not from inside of `run`. */
  unread(bytes: Buffer): void {
    this.#input.unread(bytes);
  }

  /** Drops everything that waits: after an error in the stream nothing in it can be trusted. */
  drop(): void {
    this.#input.drop();
  }

  #refuseSize(bytes: Buffer, at: number, size: number): never {
    throw frameTooLarge(bytes, at, size, this.frameBytesMax - frameOverheadBytes);
  }

  /** Gathers the partial frame; true when it was whole and has been handed over, and there is more. */
  #completePartial(): boolean {
    const input = this.#input;
    if (!input.fill(frameHeaderBytes)) return false;
    const size = (input.partial as Buffer).readUInt32BE(3);
    if (size + frameOverheadBytes > this.frameBytesMax) this.#refuseSize(input.partial as Buffer, 0, size);
    if (!input.fill(size + frameOverheadBytes)) return false;
    const bytes = input.partial as Buffer;
    const end = frameHeaderBytes + size;
    if (bytes[end] !== frameEndByte) throw wrongFrameEnd(bytes, 0, end);
    input.endPartial();
    if (input.position === (input.chunk as Buffer).length && !this.stopped) input.chunk = null;
    this.#handler.onFrame(bytes[0] as number, bytes.readUInt16BE(1), bytes, frameHeaderBytes, end);
    return input.chunk !== null;
  }
}

/** Writes one method frame. Rare methods only: it walks the definition. */
export function writeMethod<M extends MethodDefinition>(
  outbox: Outbox,
  channelNumber: number,
  definition: M,
  values: MethodArguments<M>,
): void {
  outbox.reserve(methodFrameBytes(definition, values));
  outbox.position = writeMethodAt(outbox.buffer, outbox.position, channelNumber, definition, values);
}

/** One method frame by itself. */
export function encodeMethod<M extends MethodDefinition>(
  channelNumber: number,
  definition: M,
  values: MethodArguments<M>,
): Buffer {
  const frame = Buffer.allocUnsafe(methodFrameBytes(definition, values));
  writeMethodAt(frame, 0, channelNumber, definition, values);
  return frame;
}

function methodFrameBytes<M extends MethodDefinition>(definition: M, values: MethodArguments<M>): number {
  return argumentsBytes(definition, values) + 4 + frameOverheadBytes;
}

/** Returns the position behind the frame. */
function writeMethodAt<M extends MethodDefinition>(
  buffer: Buffer,
  position: number,
  channelNumber: number,
  definition: M,
  values: MethodArguments<M>,
): number {
  buffer[position] = frameTypes.method;
  buffer.writeUInt16BE(channelNumber, position + 1);
  buffer.writeUInt16BE(definition.classId, position + 7);
  buffer.writeUInt16BE(definition.methodId, position + 9);
  const end = writeArguments(definition, values, buffer, position + 11);
  buffer.writeUInt32BE(end - position - frameHeaderBytes, position + 3);
  buffer[end] = frameEndByte;
  return end + 1;
}

/** Writes a heartbeat frame (4.2.7). */
export function writeHeartbeat(outbox: Outbox): void {
  outbox.reserve(frameOverheadBytes);
  outbox.buffer.set(heartbeatFrame, outbox.position);
  outbox.position += frameOverheadBytes;
}

const heartbeatFrame = Uint8Array.of(frameTypes.heartbeat, 0, 0, 0, 0, 0, 0, frameEndByte);
