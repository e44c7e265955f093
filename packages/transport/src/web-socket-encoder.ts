import { isUtf8 } from "node:buffer";

/** RFC 6455, 5.2, with FIN. */
const finalFrame = { text: 0x81, binary: 0x82, close: 0x88, pong: 0x8a } as const;
const headerBytesMax = 10;

/** The header of a frame from the server: whole, and never masked (RFC 6455, 5.1). */
function writeHeader(out: Buffer, position: number, first: number, payloadBytes: number): number {
  out[position] = first;
  if (payloadBytes < 126) {
    out[position + 1] = payloadBytes;
    return position + 2;
  }
  if (payloadBytes < 65_536) {
    out[position + 1] = 126;
    out.writeUInt16BE(payloadBytes, position + 2);
    return position + 4;
  }
  out[position + 1] = 127;
  out.writeUInt32BE(Math.floor(payloadBytes / 2 ** 32), position + 2);
  out.writeUInt32BE(payloadBytes >>> 0, position + 6);
  return position + headerBytesMax;
}

function firstByteOf(message: Buffer, binary: boolean): number {
  return binary || !isUtf8(message) ? finalFrame.binary : finalFrame.text;
}

/** What stands before `message` where the two are sent one behind the other. */
export function messageHeader(message: Buffer, binary: boolean): Buffer {
  const header = Buffer.allocUnsafe(headerBytesMax);
  return header.subarray(0, writeHeader(header, 0, firstByteOf(message, binary), message.length));
}

/** `bytes` as messages that end at `ends` and at the end of `bytes`, in one piece of memory of its own. */
export function encodeMessages(bytes: Buffer, ends: readonly number[], binary: boolean): Buffer {
  const out = Buffer.allocUnsafe(bytes.length + (ends.length + 1) * headerBytesMax);
  let position = 0;
  let start = 0;
  for (let index = 0; start < bytes.length; index++) {
    const end = Math.min(ends[index] ?? bytes.length, bytes.length);
    const message = bytes.subarray(start, end);
    position = writeHeader(out, position, firstByteOf(message, binary), message.length);
    position += message.copy(out, position);
    start = end;
  }
  return out.subarray(0, position);
}

/** A close frame; code 0 stands for none. */
export function closeFrame(code: number): Buffer {
  return code === 0 ? Buffer.of(finalFrame.close, 0) : Buffer.of(finalFrame.close, 2, code >> 8, code & 0xff);
}

/** The answer to a ping. */
export function pongFrame(payload: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(2 + payload.length);
  payload.copy(frame, writeHeader(frame, 0, finalFrame.pong, payload.length));
  return frame;
}
