import { definitionHeaderBytes } from "./layout.ts";

/** The key in the put or delete record at `start`. */
export function definitionKey(buffer: Buffer, view: DataView, start: number): string {
  const keyStart = start + definitionHeaderBytes;
  return buffer.toString("utf8", keyStart, keyStart + view.getUint32(start + 12, true));
}

/** The value in the put record at `start`, copied. */
export function definitionValue(buffer: Buffer, view: DataView, start: number): Uint8Array {
  const valueStart = start + definitionHeaderBytes + view.getUint32(start + 12, true);
  return Uint8Array.prototype.slice.call(buffer, valueStart, start + view.getUint32(start + 4, true));
}
