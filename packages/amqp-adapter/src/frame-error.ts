import { AmqpError, replyCodes } from "./amqp-error.ts";

/** Octets of a bad frame that its refusal shows. */
const shownBytes = 16;

/** Bytes in Erlang's notation: clients and people know the text from RabbitMQ. */
export function erlangBinary(bytes: Uint8Array): string {
  const printable = bytes.length > 0 && bytes.every((byte) => byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c);
  return printable ? `<<"${Buffer.from(bytes).toString("latin1")}">>` : `<<${Array.from(bytes).join(",")}>>`;
}

function frameError(type: number, payload: Uint8Array, payloadWhole: boolean, what: string): AmqpError {
  const part = payload.length <= shownBytes && payloadWhole ? "all" : `first ${Math.min(shownBytes, payload.length)}`;
  const text = `type ${type}, ${part} octets = ${erlangBinary(payload.subarray(0, shownBytes))}: ${what}`;
  return new AmqpError(replyCodes.frameError, text, true);
}

/** 501 for a frame whose size passes what was negotiated. `at` is where it begins. */
export function frameTooLarge(bytes: Buffer, at: number, size: number, payloadBytesMax: number): AmqpError {
  return frameError(bytes[at] as number, new Uint8Array(0), true, `{frame_too_large,${size},${payloadBytesMax}}`);
}

/** 501 for a frame that does not end in 0xCE at `end`. */
export function wrongFrameEnd(bytes: Buffer, at: number, end: number): AmqpError {
  const what = `{invalid_frame_end_marker,${bytes[end] as number}}`;
  return frameError(bytes[at] as number, bytes.subarray(at + 7, end), true, what);
}
