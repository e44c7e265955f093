import { crc32 as nativeCrc32 } from "node:zlib";

/** From here on zlib's vector code wins over the tables in spite of the call and the view it needs (measured: 220 ns). */
const nativeBytesMin = 400;

const tables = makeTables();

function makeTables(): Int32Array {
  const made = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    made[byte] = value;
  }
  for (let byte = 0; byte < 256; byte++) {
    let value = made[byte] as number;
    for (let table = 1; table < 8; table++) {
      value = (made[value & 255] as number) ^ (value >>> 8);
      made[table * 256 + byte] = value;
    }
  }
  return made;
}

/** CRC-32 (ISO-HDLC, as in zlib) of `buffer` from `start` to `end`; `view` covers the same bytes as `buffer`. */
export function crc32(buffer: Uint8Array, view: DataView, start: number, end: number): number {
  if (end - start >= nativeBytesMin) return nativeCrc32(buffer.subarray(start, end));
  return slicedCrc32(buffer, view, start, end);
}

/** Eight tables, eight bytes a step. */
function slicedCrc32(buffer: Uint8Array, view: DataView, start: number, end: number): number {
  let crc = -1;
  let at = start;
  for (; at + 8 <= end; at += 8) {
    const low = crc ^ view.getInt32(at, true);
    const high = view.getInt32(at + 4, true);
    crc =
      (tables[1792 + (low & 255)] as number) ^
      (tables[1536 + ((low >>> 8) & 255)] as number) ^
      (tables[1280 + ((low >>> 16) & 255)] as number) ^
      (tables[1024 + (low >>> 24)] as number) ^
      (tables[768 + (high & 255)] as number) ^
      (tables[512 + ((high >>> 8) & 255)] as number) ^
      (tables[256 + ((high >>> 16) & 255)] as number) ^
      (tables[high >>> 24] as number);
  }
  for (; at < end; at++) crc = (tables[(crc ^ (buffer[at] as number)) & 255] as number) ^ (crc >>> 8);
  return ~crc >>> 0;
}
