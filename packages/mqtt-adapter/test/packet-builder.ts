import { variableByteIntegerBytes, writeVariableByteInteger } from "../src/variable-byte-integer.ts";

/** A byte, a string with its length before it, or bytes as they are. */
export type Part = number | string | Uint8Array;

/** Bytes of the parts, one behind the other. */
export function join(...parts: readonly Part[]): Buffer {
  return Buffer.concat(
    parts.map((part) => {
      if (typeof part === "number") return Uint8Array.of(part);
      if (typeof part === "string") return text(Buffer.from(part));
      return part;
    }),
  );
}

/** Bytes with their length in two bytes before them. */
export function text(bytes: Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.of(bytes.length >> 8, bytes.length & 0xff), bytes]);
}

/** A property block with its length. */
export function properties(...parts: readonly Part[]): Buffer {
  return lengthAnd(join(...parts));
}

/** A packet with its remaining length. */
export function packet(first: number, ...parts: readonly Part[]): Buffer {
  return Buffer.concat([Uint8Array.of(first), lengthAnd(join(...parts))]);
}

function lengthAnd(bytes: Buffer): Buffer {
  const length = Buffer.alloc(variableByteIntegerBytes(bytes.length));
  writeVariableByteInteger(length, 0, bytes.length);
  return Buffer.concat([length, bytes]);
}
