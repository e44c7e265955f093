const startBytes = 1024;
const lengthBytes = 2;
/** A UTF-8 Encoded String and Binary Data have two bytes of length (MQTT 5, 1.5.4, 1.5.6). */
export const fieldBytesMax = 0xff_ff;

/** Writes properties one behind the other into memory that is used again for the next message. */
export class NativeWriter {
  #bytes: Buffer = Buffer.allocUnsafe(startBytes);
  #length = 0;

  /** Forgets what an earlier message left here. */
  begin(): void {
    this.#length = 0;
  }

  byte(value: number): void {
    this.#room(1);
    this.#bytes[this.#length++] = value;
  }

  fourByteInteger(value: number): void {
    this.#room(4);
    this.#length = this.#bytes.writeUInt32BE(value, this.#length);
  }

  /** A string, cut at a whole character where it is longer than one may be. */
  text(value: string): void {
    // [MQTT-1.5.4-2] no NUL: clients close the connection for it.
    const allowed = value.includes("\0") ? value.replaceAll("\0", "\ufffd") : value;
    // Two more than can stay, so that no half of a surrogate pair is among what stays.
    const short = allowed.length > fieldBytesMax + 2 ? allowed.slice(0, fieldBytesMax + 2) : allowed;
    this.#room(lengthBytes + 3 * short.length);
    const start = this.#length + lengthBytes;
    let byteCount = this.#bytes.write(short, start);
    if (byteCount > fieldBytesMax) {
      byteCount = fieldBytesMax;
      while (((this.#bytes[start + byteCount] as number) & 0xc0) === 0x80) byteCount--;
    }
    this.#bytes.writeUInt16BE(byteCount, this.#length);
    this.#length = start + byteCount;
  }

  /** Binary data, which has at most `fieldBytesMax` bytes. */
  binary(value: Uint8Array): void {
    this.#room(lengthBytes + value.length);
    this.#bytes.writeUInt16BE(value.length, this.#length);
    this.#bytes.set(value, this.#length + lengthBytes);
    this.#length += lengthBytes + value.length;
  }

  /** A copy of what was written since `begin`. */
  take(): Buffer {
    const written = Buffer.from(this.#bytes.subarray(0, this.#length));
    if (this.#bytes.length > 64 * startBytes) this.#bytes = Buffer.allocUnsafe(startBytes);
    return written;
  }

  #room(byteCount: number): void {
    const needed = this.#length + byteCount;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
