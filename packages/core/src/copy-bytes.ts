// Measured on Node 20: a loop takes 1.4 ns for each byte, TypedArray.set 18 ns whatever the length up to some hundred bytes,
// and 35 ns more where a view of a part has to be made for it.

/** Up to here a loop beats TypedArray.set of a whole array. */
const wholeLoopBytesMax = 12;
/** Up to here a loop beats TypedArray.set of a view. */
const loopBytesMax = 36;

/**
 * Copies `from[start..end)` to `to` at `at` and returns the place behind the copy. For the message path, where most
 * copies are short.
 */
export function copyBytes(from: Uint8Array, start: number, end: number, to: Buffer, at: number): number {
  const length = end - start;
  if (length > wholeLoopBytesMax && length === from.length) {
    to.set(from, at);
    return at + length;
  }
  if (length > loopBytesMax) {
    to.set(new Uint8Array(from.buffer, from.byteOffset + start, length), at);
    return at + length;
  }
  for (let index = 0; index < length; index++) to[at + index] = from[start + index] as number;
  return at + length;
}
