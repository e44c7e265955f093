import { isUtf8 } from "node:buffer";
import type { FieldTable, FieldValue } from "@jackalope/core/adapter";
import { syntaxError } from "./amqp-error.ts";

/**
 * Field tables in RabbitMQ's dialect (its page "AMQP 0-9-1 errata", section 3), which differs from the AMQP 0-9-1
 * document: `s` is a signed 16 bit integer, `l` and `L` are signed 64 bit integers, `x` is a byte array.
 */

/** Tables and arrays inside one another; deeper ones are refused before they can exhaust the stack. */
export const fieldDepthMax = 64;

const code = (letter: string): number => letter.charCodeAt(0);
const codes = {
  boolean: code("t"),
  int8: code("b"),
  uint8: code("B"),
  int16: code("s"),
  uint16: code("u"),
  int32: code("I"),
  uint32: code("i"),
  int64: code("l"),
  int64Upper: code("L"),
  float: code("f"),
  double: code("d"),
  decimal: code("D"),
  string: code("S"),
  binary: code("x"),
  timestamp: code("T"),
  array: code("A"),
  table: code("F"),
  void: code("V"),
} as const;

/** Bytes behind the code of a value, for kinds of one size. */
const fixedBytes = new Int8Array(256).fill(-1);
for (const [size, kinds] of [
  [0, [codes.void]],
  [1, [codes.boolean, codes.int8, codes.uint8]],
  [2, [codes.int16, codes.uint16]],
  [4, [codes.int32, codes.uint32, codes.float]],
  [5, [codes.decimal]],
  [8, [codes.int64, codes.int64Upper, codes.double, codes.timestamp]],
] as const)
  for (const kind of kinds) fixedBytes[kind] = size;

function readUint32(bytes: Buffer, at: number, end: number): number {
  if (at + 4 > end) throw syntaxError("field table is cut short");
  return bytes.readUInt32BE(at);
}

/** The end of the value whose code stands at `at`; checks all of it. */
function checkValue(bytes: Buffer, at: number, end: number, depth: number): number {
  if (at >= end) throw syntaxError("field table is cut short");
  const kind = bytes[at] as number;
  const size = fixedBytes[kind] as number;
  if (size >= 0) {
    if (at + 1 + size > end) throw syntaxError("field table is cut short");
    return at + 1 + size;
  }
  const length = readUint32(bytes, at + 1, end);
  const valueStart = at + 5;
  const valueEnd = valueStart + length;
  if (valueEnd > end) throw syntaxError("field table value is longer than its table");
  switch (kind) {
    case codes.string:
    case codes.binary:
      return valueEnd;
    case codes.table:
      checkFields(bytes, valueStart, valueEnd, depth + 1);
      return valueEnd;
    case codes.array: {
      if (depth >= fieldDepthMax) throw syntaxError(`field table is nested deeper than ${fieldDepthMax}`);
      let position = valueStart;
      while (position < valueEnd) position = checkValue(bytes, position, valueEnd, depth + 1);
      return valueEnd;
    }
    default:
      throw syntaxError(`unknown field table type ${kind}`);
  }
}

/**
 * Checks the structure of the fields between `start` and `end` without making a value: every size inside its parent,
 * every type known, nesting bounded. Throws 502 SYNTAX_ERROR.
 *
 * @returns true where a field of this level is named CC or BCC (sender-selected distribution).
 */
export function checkFields(bytes: Buffer, start: number, end: number, depth: number): boolean {
  if (depth >= fieldDepthMax) throw syntaxError(`field table is nested deeper than ${fieldDepthMax}`);
  let copies = false;
  let at = start;
  while (at < end) {
    const nameBytes = bytes[at] as number;
    if (nameBytes === 2 || nameBytes === 3) copies ||= isCopyName(bytes, at + 1, nameBytes);
    at = checkValue(bytes, at + 1 + nameBytes, end, depth);
  }
  return copies;
}

const letterB = code("B");
const letterC = code("C");

function isCopyName(bytes: Buffer, at: number, length: number): boolean {
  const first = length === 3 ? at + 1 : at;
  return (length === 2 || bytes[at] === letterB) && bytes[first] === letterC && bytes[first + 1] === letterC;
}

/** The end of the table whose four size bytes stand at `at`. Throws where it passes `end`. */
export function fieldTableEnd(bytes: Buffer, at: number, end: number): number {
  const tableEnd = at + 4 + readUint32(bytes, at, end);
  if (tableEnd > end) throw syntaxError("field table is longer than its frame");
  return tableEnd;
}

/** Decodes the table whose size stands at `at`, checking it first. Throws 502 SYNTAX_ERROR. */
export function decodeFieldTable(bytes: Buffer, at: number, end: number): FieldTable {
  const tableEnd = fieldTableEnd(bytes, at, end);
  checkFields(bytes, at + 4, tableEnd, 0);
  return readFields(bytes, at + 4, tableEnd);
}

/** Decodes checked fields, for tables without a size in front (AMQPLAIN's response). Throws 502 SYNTAX_ERROR. */
export function decodeFields(bytes: Buffer, start: number, end: number): FieldTable {
  checkFields(bytes, start, end, 0);
  return readFields(bytes, start, end);
}

// From here on the bytes are known to be sound. `reader` is the place where the next read happens.
let reader = 0;

function readFields(bytes: Buffer, start: number, end: number): FieldTable {
  const fields: [string, FieldValue][] = [];
  reader = start;
  while (reader < end) {
    const nameStart = reader + 1;
    const nameEnd = nameStart + (bytes[reader] as number);
    reader = nameEnd;
    fields.push([bytes.toString("utf8", nameStart, nameEnd), readValue(bytes)]);
  }
  return fields;
}

function readValue(bytes: Buffer): FieldValue {
  const kind = bytes[reader] as number;
  const at = reader + 1;
  const size = fixedBytes[kind] as number;
  if (size >= 0) {
    reader = at + size;
    return readFixed(bytes, kind, at);
  }
  const start = at + 4;
  const end = start + bytes.readUInt32BE(at);
  switch (kind) {
    case codes.table:
      return { kind: "table", value: readFields(bytes, start, end) };
    case codes.array: {
      const values: FieldValue[] = [];
      reader = start;
      while (reader < end) values.push(readValue(bytes));
      return { kind: "array", value: values };
    }
    default:
      reader = end;
      return readBytes(bytes.subarray(start, end), kind);
  }
}

function readBytes(value: Buffer, kind: number): FieldValue {
  // Copies, so that a kept header does not pin the socket's chunk.
  if (kind === codes.binary) return { kind: "binary", value: Uint8Array.from(value) };
  if (isUtf8(value)) return { kind: "string", value: value.toString("utf8") };
  return { kind: "opaque-string", value: Uint8Array.from(value) };
}

function readFixed(bytes: Buffer, kind: number, at: number): FieldValue {
  switch (kind) {
    case codes.boolean:
      return { kind: "boolean", value: bytes[at] !== 0 };
    case codes.int8:
      return { kind: "int8", value: bytes.readInt8(at) };
    case codes.uint8:
      return { kind: "uint8", value: bytes[at] as number };
    case codes.int16:
      return { kind: "int16", value: bytes.readInt16BE(at) };
    case codes.uint16:
      return { kind: "uint16", value: bytes.readUInt16BE(at) };
    case codes.int32:
      return { kind: "int32", value: bytes.readInt32BE(at) };
    case codes.uint32:
      return { kind: "uint32", value: bytes.readUInt32BE(at) };
    case codes.float:
      return { kind: "float", value: bytes.readFloatBE(at) };
    case codes.double:
      return { kind: "double", value: bytes.readDoubleBE(at) };
    case codes.decimal:
      return { kind: "decimal", scale: bytes[at] as number, value: bytes.readUInt32BE(at + 1) };
    case codes.timestamp:
      return { kind: "timestamp", value: bytes.readBigUInt64BE(at) };
    case codes.void:
      return { kind: "void" };
    default:
      return { kind: "int64", value: bytes.readBigInt64BE(at) };
  }
}
