import type { FieldTable, FieldValue } from "@jackalope/core/adapter";

/** The other direction of field-table.ts: a size is measured first, so that a table is written where it belongs. */

const letterOf = {
  boolean: "t",
  int8: "b",
  uint8: "B",
  int16: "s",
  uint16: "u",
  int32: "I",
  uint32: "i",
  // RabbitMQ reads `L` and writes `l`.
  int64: "l",
  float: "f",
  double: "d",
  decimal: "D",
  string: "S",
  "opaque-string": "S",
  binary: "x",
  timestamp: "T",
  array: "A",
  table: "F",
  void: "V",
} as const satisfies Record<FieldValue["kind"], string>;

const nameBytesMax = 255;

function valueBytes(value: FieldValue): number {
  switch (value.kind) {
    case "void":
      return 1;
    case "boolean":
    case "int8":
    case "uint8":
      return 2;
    case "int16":
    case "uint16":
      return 3;
    case "int32":
    case "uint32":
    case "float":
      return 5;
    case "decimal":
      return 6;
    case "int64":
    case "timestamp":
    case "double":
      return 9;
    case "string":
      return 5 + Buffer.byteLength(value.value);
    case "opaque-string":
    case "binary":
      return 5 + value.value.length;
    case "table":
      return 1 + fieldTableBytes(value.value);
    case "array": {
      let total = 5;
      for (const item of value.value) total += valueBytes(item);
      return total;
    }
  }
}

/** Bytes that `writeFieldTable` needs, the four size bytes included. */
export function fieldTableBytes(table: FieldTable): number {
  let total = 4;
  for (const [name, value] of table) total += 1 + shortName(name).length + valueBytes(value);
  return total;
}

/** A field name is a short string: longer names (MQTT and STOMP have them) are cut at a whole character. */
function shortName(name: string): Buffer {
  const bytes = Buffer.from(name);
  if (bytes.length <= nameBytesMax) return bytes;
  let end = nameBytesMax;
  while (((bytes[end] as number) & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}

/** Writes the table with its size at `at` and returns the end. `target` must have `fieldTableBytes(table)` left. */
export function writeFieldTable(table: FieldTable, target: Buffer, at: number): number {
  let position = at + 4;
  for (const [name, value] of table) {
    const nameBytes = shortName(name);
    target[position] = nameBytes.length;
    target.set(nameBytes, position + 1);
    position = writeValue(value, target, position + 1 + nameBytes.length);
  }
  target.writeUInt32BE(position - at - 4, at);
  return position;
}

function writeValue(value: FieldValue, target: Buffer, at: number): number {
  target[at] = letterOf[value.kind].charCodeAt(0);
  const start = at + 1;
  switch (value.kind) {
    case "void":
      return start;
    case "boolean":
      return target.writeUInt8(value.value ? 1 : 0, start);
    case "int8":
      return target.writeInt8(value.value, start);
    case "uint8":
      return target.writeUInt8(value.value, start);
    case "int16":
      return target.writeInt16BE(value.value, start);
    case "uint16":
      return target.writeUInt16BE(value.value, start);
    case "int32":
      return target.writeInt32BE(value.value, start);
    case "uint32":
      return target.writeUInt32BE(value.value, start);
    case "float":
      return target.writeFloatBE(value.value, start);
    case "double":
      return target.writeDoubleBE(value.value, start);
    case "decimal":
      target[start] = value.scale;
      return target.writeUInt32BE(value.value, start + 1);
    case "int64":
      return target.writeBigInt64BE(value.value, start);
    case "timestamp":
      return target.writeBigUInt64BE(value.value, start);
    case "table":
      return writeFieldTable(value.value, target, start);
    case "array": {
      let position = start + 4;
      for (const item of value.value) position = writeValue(item, target, position);
      target.writeUInt32BE(position - start - 4, start);
      return position;
    }
    default: {
      const bytes = value.kind === "string" ? Buffer.from(value.value) : value.value;
      target.writeUInt32BE(bytes.length, start);
      target.set(bytes, start + 4);
      return start + 4 + bytes.length;
    }
  }
}
