import { isUtf8 } from "node:buffer";

const none = Buffer.alloc(0);

/** Whether text is UTF-8 when it comes in pieces, which may end within a character. */
export class Utf8Check {
  /** The beginning of a character whose end has not come; at most three bytes. */
  #begun: Buffer = none;

  /** The next piece. False where it cannot be UTF-8 any more. */
  push(piece: Buffer): boolean {
    const bytes = this.#begun.length === 0 ? piece : Buffer.concat([this.#begun, piece]);
    const end = bytes.length - unfinishedBytes(bytes);
    // A copy: the piece belongs to somebody else.
    this.#begun = end === bytes.length ? none : Buffer.from(bytes.subarray(end));
    return isUtf8(bytes.subarray(0, end));
  }

  /** The text ends here, and another one begins. False where it ended within a character. */
  end(): boolean {
    const whole = this.#begun.length === 0;
    this.#begun = none;
    return whole;
  }
}

/** How many bytes at the end begin a character and do not finish it. */
function unfinishedBytes(bytes: Buffer): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] as number;
    // Continuation bytes are 10xxxxxx; the first byte of a character says how many there are (RFC 3629, 3).
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}
