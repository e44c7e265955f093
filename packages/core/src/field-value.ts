/**
 * Typed header and argument values.
 *
 * The kinds are those of AMQP 0-9-1 field tables in RabbitMQ's dialect, the richest of the three protocols, so that a
 * table survives decode and encode with the width of every number intact. STOMP and MQTT only ever produce `string`.
 */
export type FieldValue =
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "int8" | "uint8" | "int16" | "uint16" | "int32" | "uint32"; readonly value: number }
  | { readonly kind: "int64"; readonly value: bigint }
  | { readonly kind: "float" | "double"; readonly value: number }
  | { readonly kind: "decimal"; readonly scale: number; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  /** A long string whose bytes are not UTF-8 and must not be touched. */
  | { readonly kind: "opaque-string"; readonly value: Uint8Array }
  | { readonly kind: "binary"; readonly value: Uint8Array }
  /** Seconds since the epoch. */
  | { readonly kind: "timestamp"; readonly value: bigint }
  | { readonly kind: "array"; readonly value: readonly FieldValue[] }
  | { readonly kind: "table"; readonly value: FieldTable }
  | { readonly kind: "void" };

/** An ordered list of named values. Order and duplicates are kept: MQTT user properties have both. */
export type FieldTable = readonly (readonly [name: string, value: FieldValue])[];

/** The table without a field. */
export const emptyFieldTable: FieldTable = [];

/** The first value under `name`, or undefined. */
export function findField(table: FieldTable, name: string): FieldValue | undefined {
  for (const entry of table) if (entry[0] === name) return entry[1];
  return undefined;
}

/** A copy of `table` with `name` set to `value`, or removed where `value` is null; other fields keep their place. */
export function withField(table: FieldTable, name: string, value: FieldValue | null): FieldTable {
  const copy = table.filter((entry) => entry[0] !== name);
  if (value !== null) copy.push([name, value]);
  return copy;
}

/** Wraps text as a field value. */
export function stringField(value: string): FieldValue {
  return { kind: "string", value };
}

/** The value as an integer, or undefined where it is not one (or does not fit a double exactly). */
export function integerOf(value: FieldValue | undefined): number | undefined {
  if (value === undefined) return undefined;
  switch (value.kind) {
    case "int8":
    case "uint8":
    case "int16":
    case "uint16":
    case "int32":
    case "uint32":
      return value.value;
    case "int64":
    case "timestamp": {
      const number = Number(value.value);
      return Number.isSafeInteger(number) ? number : undefined;
    }
    default:
      return undefined;
  }
}
