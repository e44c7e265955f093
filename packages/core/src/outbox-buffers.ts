/** The sizes of the buffers that outboxes share, smallest first: a connection that says little holds little. */
const sizesBytes: readonly [number, ...number[]] = [4 * 1024, 16 * 1024, 64 * 1024, 128 * 1024];
/** Buffers without a use that are kept, in bytes for each size: new ones each turn keep the garbage collector busy. */
const sparesBytesMax = 16 * 1024 * 1024;

/** The largest buffer that outboxes share. */
export const sharedBytesMax: number = sizesBytes.at(-1) as number;

const spares: readonly Buffer[][] = sizesBytes.map(() => []);

/** A buffer of at least `bytes`, used or new. */
export function takeBuffer(bytes: number): Buffer {
  for (let index = 0; index < sizesBytes.length; index++) {
    const size = sizesBytes[index] as number;
    if (size >= bytes) return spares[index]?.pop() ?? Buffer.allocUnsafeSlow(size);
  }
  return Buffer.allocUnsafeSlow(bytes);
}

/** Lets somebody else have it. */
export function giveBuffer(buffer: Buffer): void {
  const index = sizesBytes.indexOf(buffer.length);
  if (index < 0) return;
  const kept = spares[index] as Buffer[];
  if (kept.length * buffer.length < sparesBytesMax) kept.push(buffer);
}
