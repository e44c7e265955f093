/** LEB128 for integers up to 2^53; returns the offset behind. */
export function writeVarint(buffer: Uint8Array, at: number, value: number): number {
  let rest = value;
  let offset = at;
  while (rest >= 0x80000000) {
    buffer[offset++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  while (rest >= 128) {
    buffer[offset++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  buffer[offset++] = rest;
  return offset;
}

/** Bytes that `writeVarint` takes at most. */
export const varintBytesMax = 8;

/** Reads varints one behind the other. */
export class VarintReader {
  #buffer: Uint8Array;
  #offset: number;

  constructor(buffer: Uint8Array, offset: number) {
    this.#buffer = buffer;
    this.#offset = offset;
  }

  next(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.#buffer[this.#offset++];
      if (byte === undefined) throw new RangeError("a varint runs over the end");
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
  }
}

/** Signed to unsigned: 0, -1, 1, -2 become 0, 1, 2, 3. */
export function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

export function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
