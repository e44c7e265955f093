/** Sizes of the buffers that are used again. Smaller ones are Node's to pool, larger ones hold a single large message. */
const slabSizes = [8 * 1024, 32 * 1024, 128 * 1024] as const;
/** Bytes that lie ready, for each size. */
const idleBytesMax = 16 * 1024 * 1024;

/**
 * Memory for what is on its way to Redis, used again afterwards: fresh megabytes for each commit cost page faults and
 * garbage collections, which were half of the CPU time for messages of a kilobyte.
 */
export class SlabPool {
  readonly #idle: Buffer[][] = slabSizes.map(() => []);

  /** A buffer of at least so many bytes. */
  take(bytes: number): Buffer {
    for (let size = 0; size < slabSizes.length; size++) {
      const slabBytes = slabSizes[size] as number;
      if (bytes > slabBytes) continue;
      // A quarter of the smallest is not worth a slab.
      if (bytes <= slabSizes[0] / 4) return Buffer.allocUnsafe(bytes);
      return (this.#idle[size] as Buffer[]).pop() ?? Buffer.allocUnsafeSlow(slabBytes);
    }
    return Buffer.allocUnsafeSlow(bytes);
  }

  /** The buffer is not looked at any more. */
  give(buffer: Buffer): void {
    const size = slabSizes.indexOf(buffer.length);
    const idle = this.#idle[size];
    if (idle !== undefined && (idle.length + 1) * buffer.length <= idleBytesMax) idle.push(buffer);
  }
}
