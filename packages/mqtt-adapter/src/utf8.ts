import { isUtf8 } from "node:buffer";
import { malformed } from "./mqtt-error.ts";

/** From this length on a view and the built-in check are faster than a loop. */
const builtInFromBytes = 96;

/** True where the bytes are well-formed UTF-8; a NUL is. */
export function isUtf8Range(bytes: Buffer, start: number, end: number): boolean {
  if (end - start >= builtInFromBytes) return isUtf8(bytes.subarray(start, end));
  let at = start;
  while (at < end) {
    if ((bytes[at] as number) < 0x80) at++;
    else {
      at = characterEnd(bytes, at, end);
      if (at < 0) return false;
    }
  }
  return true;
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

/**
 * The end of the character of two bytes and more that begins at `at`, -1 where there is none within `end` (Unicode 15,
 * table 3-7). Surrogates and overlong forms are none.
 */
export function characterEnd(bytes: Buffer, at: number, end: number): number {
  const lead = bytes[at] as number;
  if (lead < 0xc2 || lead > 0xf4) return -1;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (at + length > end) return -1;
  const second = bytes[at + 1] as number;
  if (!isContinuation(second)) return -1;
  if (length === 2) return at + 2;
  if (lead === 0xe0 && second < 0xa0) return -1;
  if (lead === 0xed && second > 0x9f) return -1;
  if (lead === 0xf0 && second < 0x90) return -1;
  if (lead === 0xf4 && second > 0x8f) return -1;
  if (!isContinuation(bytes[at + 2] as number)) return -1;
  if (length === 4 && !isContinuation(bytes[at + 3] as number)) return -1;
  return at + length;
}

/** Checks a UTF-8 Encoded String (MQTT 5, 1.5.4). Throws 0x81; `what` names it in the explanation. */
export function checkText(bytes: Buffer, start: number, end: number, what: string): void {
  let at = start;
  while (at < end) {
    const byte = bytes[at] as number;
    if (byte < 0x80) {
      // [MQTT-1.5.4-2]
      if (byte === 0) throw malformed("MQTT-1.5.4-2", `${what} contains a NUL`);
      at++;
    } else {
      at = characterEnd(bytes, at, end);
      // [MQTT-1.5.4-1]
      if (at < 0) throw malformed("MQTT-1.5.4-1", `${what} is not UTF-8`);
    }
  }
}

/** The end of the string or binary data whose two length bytes stand at `at`. Throws 0x81 where that passes `end`. */
export function lengthPrefixedEnd(bytes: Buffer, at: number, end: number, what: string): number {
  if (at + 2 > end) throw malformed("1.5.4", `${what} is missing`);
  const fieldEnd = at + 2 + (((bytes[at] as number) << 8) | (bytes[at + 1] as number));
  if (fieldEnd > end) throw malformed("1.5.4", `${what} is cut short`);
  return fieldEnd;
}

/** Checks the string whose two length bytes stand at `at` and returns its end. Throws 0x81. */
export function textFieldEnd(bytes: Buffer, at: number, end: number, what: string): number {
  const fieldEnd = lengthPrefixedEnd(bytes, at, end, what);
  checkText(bytes, at + 2, fieldEnd, what);
  return fieldEnd;
}
