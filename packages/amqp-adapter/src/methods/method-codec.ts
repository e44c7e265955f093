import { isAscii, isUtf8 } from "node:buffer";
import { syntaxError } from "../amqp-error.ts";
import { cannotDecode } from "../frame-error.ts";
import { decodeFieldTable } from "../field-table.ts";
import { fieldTableBytes, writeFieldTable } from "../field-table-writer.ts";
import type { ArgumentType, ArgumentTypes, MethodArguments, MethodDefinition } from "./definition.ts";

/**
 * Arguments to bytes and back, driven by the definitions. Publish, deliver and the acknowledgements have hand-written
 * codecs beside it (publication.ts, delivery.ts, channel-session.ts); everything rarer comes through here.
 */

const shortStringBytesMax = 255;
const uint32Range = 0x1_0000_0000;

/** A short string without a check of its text. Used where the length is known to be inside the frame. */
export function decodeShortString(bytes: Buffer, start: number, end: number): string {
  const view = bytes.subarray(start, end);
  if (isAscii(view)) return bytes.toString("latin1", start, end);
  // 4.2.5.3: short strings are UTF-8. Anything else could not be given back unharmed.
  if (!isUtf8(view)) throw syntaxError("short string is not UTF-8");
  return bytes.toString("utf8", start, end);
}

class ArgumentReader {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  position: number;
  #bitAt = 0;

  constructor(bytes: Buffer, start: number, end: number) {
    this.bytes = bytes;
    this.start = start;
    this.position = start;
    this.end = end;
  }

  take(count: number): number {
    const at = this.position;
    this.position += count;
    if (this.position > this.end) throw cannotDecode(this.bytes, this.start, this.end);
    return at;
  }

  read(type: ArgumentType): ArgumentTypes[ArgumentType] {
    if (type === "bit") return this.#bit();
    this.#bitAt = 0;
    switch (type) {
      case "octet":
        return this.bytes.readUInt8(this.take(1));
      case "short":
        return this.bytes.readUInt16BE(this.take(2));
      case "long":
        return this.bytes.readUInt32BE(this.take(4));
      case "longlong": {
        const at = this.take(8);
        return this.bytes.readUInt32BE(at) * uint32Range + this.bytes.readUInt32BE(at + 4);
      }
      case "shortstr": {
        const length = this.bytes.readUInt8(this.take(1));
        const at = this.take(length);
        return decodeShortString(this.bytes, at, at + length);
      }
      case "longstr": {
        const length = this.bytes.readUInt32BE(this.take(4));
        const at = this.take(length);
        return Buffer.from(this.bytes.subarray(at, at + length));
      }
      case "table": {
        const at = this.take(4);
        // Like any argument cut short: 501, where a fault inside of the table is 502.
        this.take(this.bytes.readUInt32BE(at));
        return decodeFieldTable(this.bytes, at, this.position);
      }
    }
  }

  #bit(): boolean {
    if (this.#bitAt === 0) {
      this.take(1);
      this.#bitAt = 1;
    }
    const value = ((this.bytes[this.position - 1] as number) & this.#bitAt) !== 0;
    this.#bitAt = (this.#bitAt << 1) & 0xff;
    return value;
  }
}

/**
 * Decodes the arguments between `start` and `end`. Throws 501 FRAME_ERROR where they do not fill it exactly, 502
 * SYNTAX_ERROR for an unsound table or text.
 */
export function decodeArguments<M extends MethodDefinition>(
  definition: M,
  bytes: Buffer,
  start: number,
  end: number,
): MethodArguments<M> {
  const reader = new ArgumentReader(bytes, start, end);
  const values: Record<string, unknown> = {};
  for (const name in definition.fields) values[name] = reader.read(definition.fields[name] as ArgumentType);
  if (reader.position !== end) throw cannotDecode(bytes, start, end);
  return values as MethodArguments<M>;
}

function argumentBytes(type: ArgumentType, value: unknown): number {
  switch (type) {
    case "bit":
    case "octet":
      return 1;
    case "short":
      return 2;
    case "long":
      return 4;
    case "longlong":
      return 8;
    case "shortstr":
      return 1 + Math.min(Buffer.byteLength(value as string), shortStringBytesMax);
    case "longstr":
      return 4 + (value as Buffer).length;
    case "table":
      return fieldTableBytes(value as ArgumentTypes["table"]);
  }
}

/** An upper bound of the bytes that `writeArguments` writes. */
export function argumentsBytes<M extends MethodDefinition>(definition: M, values: MethodArguments<M>): number {
  let total = 0;
  for (const name in definition.fields)
    total += argumentBytes(definition.fields[name] as ArgumentType, (values as Record<string, unknown>)[name]);
  return total;
}

/** Writes the arguments at `at` and returns the end. */
export function writeArguments<M extends MethodDefinition>(
  definition: M,
  values: MethodArguments<M>,
  target: Buffer,
  at: number,
): number {
  let position = at;
  let bitAt = 0;
  for (const name in definition.fields) {
    const type = definition.fields[name] as ArgumentType;
    const value = (values as Record<string, unknown>)[name];
    if (type !== "bit") {
      bitAt = 0;
      position = writeArgument(type, value, target, position);
      continue;
    }
    if (bitAt === 0) {
      target[position++] = 0;
      bitAt = 1;
    }
    if (value === true) target[position - 1] = (target[position - 1] as number) | bitAt;
    bitAt = (bitAt << 1) & 0xff;
  }
  return position;
}

function writeArgument(type: Exclude<ArgumentType, "bit">, value: unknown, target: Buffer, at: number): number {
  switch (type) {
    case "octet":
      return target.writeUInt8(value as number, at);
    case "short":
      return target.writeUInt16BE(value as number, at);
    case "long":
      return target.writeUInt32BE(value as number, at);
    case "longlong":
      target.writeUInt32BE(Math.floor((value as number) / uint32Range), at);
      return target.writeUInt32BE((value as number) % uint32Range, at + 4);
    case "shortstr": {
      // `write` stops before a character that does not fit whole, and insists on a length inside the buffer.
      const room = Math.min(shortStringBytesMax, target.length - at - 1);
      const length = target.write(value as string, at + 1, room, "utf8");
      target[at] = length;
      return at + 1 + length;
    }
    case "longstr":
      target.writeUInt32BE((value as Buffer).length, at);
      target.set(value as Buffer, at + 4);
      return at + 4 + (value as Buffer).length;
    case "table":
      return writeFieldTable(value as ArgumentTypes["table"], target, at);
  }
}
