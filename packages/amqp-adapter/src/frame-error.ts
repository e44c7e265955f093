import { AmqpError, replyCodes } from "./amqp-error.ts";

/** Octets of a bad frame that its refusal shows. */
const shownBytes = 16;

/** Bytes in Erlang's notation: clients and people know the text from RabbitMQ. */
function erlangBinary(bytes: Uint8Array): string {
  const printable =
    bytes.length > 0 && bytes.every((byte) => byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c);
  return printable ? `<<"${Buffer.from(bytes).toString("latin1")}">>` : `<<${Array.from(bytes).join(",")}>>`;
}

/** `type 7, all octets = <<"abc">>`: how every text about a frame begins. */
function frameText(type: number, payload: Uint8Array): string {
  const part = payload.length <= shownBytes ? "all" : `first ${shownBytes}`;
  return `type ${type}, ${part} octets = ${erlangBinary(payload.subarray(0, shownBytes))}`;
}

/** 501 for a frame that is whole and still none: an unknown type, or a payload too short for its type. */
export function unknownFrame(type: number, bytes: Buffer, start: number, end: number): AmqpError {
  const text = `${frameText(type, bytes.subarray(start, end))}: unknown_frame`;
  return new AmqpError(replyCodes.frameError, text);
}

/** 505 for a frame that cannot come on this channel. */
export function unexpectedFrame(type: number, bytes: Buffer, start: number, end: number): AmqpError {
  return new AmqpError(replyCodes.unexpectedFrame, frameText(type, bytes.subarray(start, end)));
}

/** 501 for arguments that do not fill their frame. */
export function cannotDecode(bytes: Buffer, start: number, end: number): AmqpError {
  return new AmqpError(replyCodes.frameError, `cannot decode ${erlangBinary(bytes.subarray(start, end))}`);
}

/** 501 for a frame whose size passes what was negotiated. `at` is where it begins. */
export function frameTooLarge(bytes: Buffer, at: number, size: number, payloadBytesMax: number): AmqpError {
  const text = `${frameText(bytes[at] as number, new Uint8Array(0))}: {frame_too_large,${size},${payloadBytesMax}}`;
  return new AmqpError(replyCodes.frameError, text, true);
}

/** 501 for a frame that does not end in 0xCE at `end`. */
export function wrongFrameEnd(bytes: Buffer, at: number, end: number): AmqpError {
  const frame = frameText(bytes[at] as number, bytes.subarray(at + 7, end));
  const text = `${frame}: {invalid_frame_end_marker,${bytes[end] as number}}`;
  return new AmqpError(replyCodes.frameError, text, true);
}
