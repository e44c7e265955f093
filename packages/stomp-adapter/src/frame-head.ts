import { foreignProtocol } from "@jackalope/transport";
import { unescapeText } from "./escaping.ts";
import type { HeadLimits } from "./head-limits.ts";
import { malformed, StompError } from "./stomp-error.ts";
import type { Version } from "./version.ts";

/** The commands of clients. */
const commands = [
  "SEND",
  "ACK",
  "NACK",
  "SUBSCRIBE",
  "UNSUBSCRIBE",
  "BEGIN",
  "COMMIT",
  "ABORT",
  "CONNECT",
  "STOMP",
  "DISCONNECT",
] as const;

export type Command = (typeof commands)[number];

const commandBytes = commands.map((command) => Buffer.from(command));

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const colon = 0x3a;
const space = 0x20;
const digitZero = 0x30;
/** Digits of a content-length that can be meant. */
const lengthDigitsMax = 12;
const firstLines = 12;
const noBytes = Buffer.alloc(0);
const contentLengthName = Buffer.from("content-length");

function sameBytes(name: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let index = 0; index < name.length; index++) if (name[index] !== bytes[start + index]) return false;
  return true;
}

/**
 * Command and header lines of the frame at hand, as places in the bytes that brought it. One a connection, reused.
 *
 *     SEND LF  name:value LF  name:value CR LF  LF body…
 *     ^start   ^headersStart                    ^headersEnd
 *                                               headersEnd + its line end = bodyStart
 */
export class FrameHead {
  bytes: Buffer = noBytes;
  command: Command = "SEND";
  start = 0;
  headersStart = 0;
  headersEnd = 0;
  bodyStart = 0;
  /** Header lines. */
  count = 0;
  /** -1 where the frame has none. */
  contentLength = -1;
  /** A line ends in CR LF. */
  hasCarriageReturns = false;
  /** What escapes mean; the connection sets it once it is agreed. */
  version: Version = "1.0";
  /** Four numbers a line: name start and end, value start and end. */
  #places = new Int32Array(firstLines * 4);

  /**
   * Reads the head that begins at `start`. False where its end is not there yet. Throws StompError for bytes that are no
   * head, or one beyond the limits.
   */
  read(bytes: Buffer, start: number, end: number, limits: HeadLimits): boolean {
    this.bytes = bytes;
    this.start = start;
    this.count = 0;
    this.contentLength = -1;
    this.hasCarriageReturns = false;
    const commandEnd = bytes.indexOf(lineFeed, start);
    if (commandEnd < 0 || commandEnd >= end || commandEnd - start > limits.commandBytesMax + 1) {
      if (end - start > limits.commandBytesMax + 1) throw malformed(noCommand(bytes, start, "the command is too long"));
      refuseNul(bytes, start, end);
      return false;
    }
    this.command = this.#readCommand(commandEnd);
    this.headersStart = commandEnd + 1;
    return this.#readLines(end, limits);
  }

  #readCommand(lineEnd: number): Command {
    const end = this.#lineTextEnd(this.start, lineEnd);
    for (let index = 0; index < commandBytes.length; index++) {
      if (sameBytes(commandBytes[index] as Buffer, this.bytes, this.start, end)) return commands[index] as Command;
    }
    const shown = JSON.stringify(this.bytes.toString("latin1", this.start, end));
    const text = noCommand(this.bytes, this.start, `Could not interpret command ${shown}`);
    throw new StompError("Bad command", `${text}\n`, true);
  }

  #readLines(end: number, limits: HeadLimits): boolean {
    const bytes = this.bytes;
    let at = this.headersStart;
    for (;;) {
      const lineEnd = bytes.indexOf(lineFeed, at);
      if (lineEnd < 0 || lineEnd >= end) {
        if (end - this.start > limits.headBytesMax) throw malformed("the headers are too large");
        if (end - at > limits.headerBytesMax) throw malformed("a header is too large");
        refuseNul(bytes, at, end);
        return false;
      }
      if (lineEnd - this.start > limits.headBytesMax) throw malformed("the headers are too large");
      const textEnd = this.#lineTextEnd(at, lineEnd);
      if (textEnd === at) {
        this.headersEnd = at;
        this.bodyStart = lineEnd + 1;
        refuseNul(bytes, this.start, lineEnd);
        return true;
      }
      if (textEnd - at > limits.headerBytesMax) throw malformed("a header is too large");
      if (this.count === limits.headersMax) throw malformed(`more than ${limits.headersMax} headers`);
      this.#addLine(at, textEnd);
      at = lineEnd + 1;
    }
  }

  #lineTextEnd(start: number, lineEnd: number): number {
    if (lineEnd === start || this.bytes[lineEnd - 1] !== carriageReturn) return lineEnd;
    this.hasCarriageReturns = true;
    return lineEnd - 1;
  }

  #addLine(start: number, end: number): void {
    const bytes = this.bytes;
    let nameEnd = start;
    while (nameEnd < end && bytes[nameEnd] !== colon) nameEnd++;
    if (nameEnd === end) throw malformed("a header line has no colon");
    if (nameEnd === start) throw malformed("a header has no name");
    if (this.count * 4 === this.#places.length) {
      const places = new Int32Array(this.#places.length * 2);
      places.set(this.#places);
      this.#places = places;
    }
    const place = this.count++ * 4;
    this.#places[place] = start;
    this.#places[place + 1] = nameEnd;
    this.#places[place + 2] = nameEnd + 1;
    this.#places[place + 3] = end;
    if (this.contentLength < 0 && sameBytes(contentLengthName, bytes, start, nameEnd)) {
      this.contentLength = this.#readLength(nameEnd + 1, end);
    }
  }

  #readLength(start: number, end: number): number {
    const bytes = this.bytes;
    let at = start;
    // Clients of 1.0 pad: `content-length: 5`.
    while (at < end && bytes[at] === space) at++;
    let length = 0;
    let digits = 0;
    for (; at < end; at++, digits++) {
      const digit = (bytes[at] as number) - digitZero;
      if (digit < 0 || digit > 9 || digits === lengthDigitsMax) break;
      length = length * 10 + digit;
    }
    while (at < end && bytes[at] === space) at++;
    if (digits === 0 || at !== end) throw malformed("content-length is not a number");
    return length;
  }

  /** The line with this name, -1 where there is none. STOMP 1.2 "Repeated Header Entries": the first one counts. */
  find(name: Buffer): number {
    const places = this.#places;
    const bytes = this.bytes;
    const length = name.length;
    const first = name[0];
    for (let line = 0, place = 0; line < this.count; line++, place += 4) {
      const start = places[place] as number;
      if ((places[place + 1] as number) - start !== length || bytes[start] !== first) continue;
      if (sameBytes(name, bytes, start, start + length)) return line;
    }
    return -1;
  }

  nameStart(line: number): number {
    return this.#places[line * 4] as number;
  }

  nameEnd(line: number): number {
    return this.#places[line * 4 + 1] as number;
  }

  valueStart(line: number): number {
    return this.#places[line * 4 + 2] as number;
  }

  valueEnd(line: number): number {
    return this.#places[line * 4 + 3] as number;
  }

  /** The name of a line as text. */
  name(line: number): string {
    return unescapeText(this.bytes, this.nameStart(line), this.nameEnd(line), this.version);
  }

  /** The value of a line as text. In 1.0, blanks around it do not count: its examples have them. */
  value(line: number): string {
    const text = unescapeText(this.bytes, this.valueStart(line), this.valueEnd(line), this.version);
    return this.version === "1.0" ? text.trim() : text;
  }

  /** The value under `name`, or undefined. */
  get(name: Buffer): string | undefined {
    const line = this.find(name);
    return line < 0 ? undefined : this.value(line);
  }

  /** The value under `name` without escapes and with its blanks, or undefined: CONNECT has no escapes in any version. */
  plain(name: Buffer): string | undefined {
    const line = this.find(name);
    return line < 0 ? undefined : this.bytes.toString("utf8", this.valueStart(line), this.valueEnd(line));
  }

  /** Lets go of the bytes: an idle connection must not pin the chunk that it brought last. */
  release(): void {
    this.bytes = noBytes;
    this.count = 0;
  }

  /** The bytes of a value as they stand, one character a byte: what a RECEIPT gives back. */
  raw(line: number): string {
    return this.bytes.toString("latin1", this.valueStart(line), this.valueEnd(line));
  }

  /** True where `line` repeats the name of an earlier one and so does not count. */
  repeats(line: number): boolean {
    const start = this.nameStart(line);
    const length = this.nameEnd(line) - start;
    for (let earlier = 0; earlier < line; earlier++) {
      const from = this.nameStart(earlier);
      if (this.nameEnd(earlier) - from !== length) continue;
      let index = 0;
      while (index < length && this.bytes[from + index] === this.bytes[start + index]) index++;
      if (index === length) return true;
    }
    return false;
  }
}

function refuseNul(bytes: Buffer, start: number, end: number): void {
  const at = bytes.indexOf(0, start);
  if (at >= 0 && at < end) throw malformed(noCommand(bytes, start, "the frame ends within its headers"));
}

/** `otherwise`, unless what stands in place of a command is another protocol. */
function noCommand(bytes: Buffer, start: number, otherwise: string): string {
  return foreignProtocol(bytes, "STOMP", start) ?? otherwise;
}
