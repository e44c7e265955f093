import type { FrameHead } from "./frame-head.ts";
import { headerNames } from "./header-names.ts";

/** Longer heads are read anew each time. */
const headBytesMax = 1024;
/** Longer receipts too. */
const receiptBytesMax = 256;
const lengthDigitsMax = 9;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const backslash = 0x5c;
const digitZero = 0x30;
const noBytes = Buffer.alloc(0);

/**
 * The head of the last SEND. A publisher repeats itself: all of its frames differ in the body, perhaps in
 * `content-length` and perhaps in `receipt`. The rest is compared as bytes, so that the usual SEND costs no search for
 * lines, no string and no map.
 *
 *     SEND⏎destination:/queue/q⏎receipt:|17|⏎content-length:|100|⏎⏎body…
 *     pieces: 0........................    1...............    2.
 */
export class SendTemplate {
  /** The bytes of the last match; valid until the next. */
  bytes: Buffer = noBytes;
  start = 0;
  bodyStart = 0;
  /** -1 where the frame has none. */
  contentLength = -1;
  /** Where the receipt's value stands; the start is -1 where the frames have none. */
  receiptStart = -1;
  receiptEnd = -1;
  /** The headers that belong to the message; equal where there are none. */
  nativeStart = 0;
  nativeEnd = 0;
  #known: Buffer | null = null;
  /** Ends of the pieces in `#known`; a piece that is missing is empty. */
  readonly #pieceEnds = [0, 0, 0];
  /** What follows the piece: nothing, a content-length or a receipt. */
  readonly #values: ("none" | "length" | "receipt")[] = ["none", "none"];
  /** Where the native headers begin: piece, offset in it, and their length. */
  #nativePiece = 0;
  #nativeOffset = 0;
  #nativeBytes = 0;

  forget(): void {
    this.#known = null;
  }

  /** Lets go of the bytes of the last match. */
  release(): void {
    this.bytes = noBytes;
    this.receiptStart = -1;
  }

  /**
   * Takes `head` as what further frames are compared with. `nativeStart` and `nativeEnd` are places in its bytes: the
   * headers that stay with the message, which stand in one piece.
   */
  learn(head: FrameHead, nativeStart: number, nativeEnd: number): void {
    this.forget();
    if (head.bodyStart - head.start > headBytesMax) return;
    const values = variableLines(head);
    const parts: Buffer[] = [];
    let from = head.start;
    let bytes = 0;
    this.#nativePiece = 0;
    this.#nativeOffset = 0;
    this.#nativeBytes = nativeEnd - nativeStart;
    for (let piece = 0; piece < 3; piece++) {
      const line = values[piece];
      const to = line === undefined ? head.bodyStart : head.valueStart(line.line);
      if (nativeStart >= from && nativeStart < to && nativeEnd > nativeStart) {
        if (nativeEnd > to) return;
        this.#nativePiece = piece;
        this.#nativeOffset = nativeStart - from;
      }
      parts.push(head.bytes.subarray(from, to));
      bytes += to - from;
      this.#pieceEnds[piece] = bytes;
      if (piece < 2) this.#values[piece] = line?.value ?? "none";
      from = line === undefined ? head.bodyStart : head.valueEnd(line.line);
    }
    this.#known = Buffer.concat(parts);
  }

  /** True where the head of the frame at `at` is the known one; its places are then in the fields. */
  match(bytes: Buffer, at: number, end: number): boolean {
    const known = this.#known;
    if (known === null) return false;
    this.contentLength = -1;
    this.receiptStart = -1;
    let position = at;
    let index = 0;
    for (let piece = 0; piece < 3; piece++) {
      if (piece === this.#nativePiece) this.nativeStart = position + this.#nativeOffset;
      const pieceEnd = this.#pieceEnds[piece] as number;
      if (position + pieceEnd - index > end) return false;
      while (index < pieceEnd && known[index] === bytes[position]) {
        index++;
        position++;
      }
      if (index < pieceEnd) return false;
      if (piece === 2 || this.#values[piece] === "none") break;
      position =
        this.#values[piece] === "length"
          ? this.#readLength(bytes, position, end)
          : this.#readReceipt(bytes, position, end);
      if (position < 0) return false;
    }
    this.bytes = bytes;
    this.start = at;
    this.bodyStart = position;
    if (this.#nativeBytes === 0) this.nativeStart = position;
    this.nativeEnd = this.nativeStart + this.#nativeBytes;
    return true;
  }

  #readLength(bytes: Buffer, start: number, end: number): number {
    let length = 0;
    let at = start;
    for (; at < end && at - start < lengthDigitsMax; at++) {
      const digit = (bytes[at] as number) - digitZero;
      if (digit < 0 || digit > 9) break;
      length = length * 10 + digit;
    }
    this.contentLength = length;
    return at === start ? -1 : at;
  }

  #readReceipt(bytes: Buffer, start: number, end: number): number {
    const limit = Math.min(end, start + receiptBytesMax);
    for (let at = start; at < limit; at++) {
      const byte = bytes[at];
      if (byte === lineFeed) {
        this.receiptStart = start;
        this.receiptEnd = at;
        return at;
      }
      // What has to be looked at more closely is read line by line.
      if (byte === backslash || byte === carriageReturn || byte === 0) return -1;
    }
    return -1;
  }
}

interface VariableLine {
  readonly line: number;
  readonly value: "length" | "receipt";
}

/** The lines whose value may change from frame to frame, in order. */
function variableLines(head: FrameHead): VariableLine[] {
  const lines: VariableLine[] = [];
  const length = head.find(headerNames.contentLength);
  const receipt = head.find(headerNames.receipt);
  if (length >= 0) lines.push({ line: length, value: "length" });
  if (receipt >= 0) lines.push({ line: receipt, value: "receipt" });
  return lines.sort((left, right) => left.line - right.line);
}
