import { malformed } from "./mqtt-error.ts";

/** Reads Variable Byte Integers (MQTT 5, 1.5.5) without an object for each: the result stands here until the next one. */
class VariableByteInteger {
  value = 0;
  /** The position behind it. */
  end = 0;

  /** Reads the one at `at`. Throws 0x81 where it passes `end`, has a fifth byte or is longer than it need be. */
  read(bytes: Buffer, at: number, end: number): void {
    let value = 0;
    let shift = 0;
    let position = at;
    for (;;) {
      if (position >= end) throw malformed("1.5.5", "a variable byte integer is cut short");
      const byte = bytes[position++] as number;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        // [MQTT-1.5.5-1] as few bytes as possible
        if (byte === 0 && shift !== 0) throw malformed("MQTT-1.5.5-1", "a variable byte integer has bytes too many");
        break;
      }
      if (shift === 21) throw malformed("1.5.5", "a variable byte integer is longer than four bytes");
      shift += 7;
    }
    this.value = value;
    this.end = position;
  }
}

/** One for all: reading is synchronous, and the caller takes value and end at once. */
export const variableByteInteger: VariableByteInteger = new VariableByteInteger();

/** Bytes that `value` takes. */
export function variableByteIntegerBytes(value: number): number {
  return value < 0x80 ? 1 : value < 0x40_00 ? 2 : value < 0x20_00_00 ? 3 : 4;
}

/** Writes `value`, which is below 2^28; the position behind it. */
export function writeVariableByteInteger(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  let position = at;
  while (rest > 0x7f) {
    bytes[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[position++] = rest;
  return position;
}
