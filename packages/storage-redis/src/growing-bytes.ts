const none = Buffer.alloc(0);
const noView = new DataView(new ArrayBuffer(0));

/** Bytes gathered one behind the other. */
export class GrowingBytes {
  buffer: Buffer = none;
  view: DataView = noView;
  length = 0;
  readonly #firstBytes: number;

  constructor(firstBytes: number) {
    this.#firstBytes = firstBytes;
  }

  /** Makes room for `bytes` more and returns where they begin. */
  reserve(bytes: number): number {
    const start = this.length;
    const needed = start + bytes;
    if (needed > this.buffer.length) this.#grow(needed);
    this.length = needed;
    return start;
  }

  get bytes(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  #grow(needed: number): void {
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#firstBytes, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
    this.view = new DataView(larger.buffer, larger.byteOffset, larger.length);
  }
}
