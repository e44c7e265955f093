import type { FieldTable, FieldValue } from "./field-value.ts";

/**
 * Field tables as JSON-safe values, for definitions on disk and for comparing tables. Wide integers are text, bytes are
 * base64; `fieldTableFromJson` reads back exactly what `fieldTableToJson` wrote.
 */
export type JsonField = readonly [name: string, kind: string, value: unknown, scale?: number];

/** One value as JSON. */
function valueToJson(value: FieldValue): unknown {
  switch (value.kind) {
    case "int64":
    case "timestamp":
      return value.value.toString();
    case "opaque-string":
    case "binary":
      return Buffer.from(value.value).toString("base64");
    case "float":
    case "double":
      // JSON has no NaN, no infinities and no negative zero.
      if (Object.is(value.value, -0)) return "-0";
      return Number.isFinite(value.value) ? value.value : String(value.value);
    case "array":
      return value.value.map((element) => fieldToJson("", element));
    case "table":
      return fieldTableToJson(value.value);
    case "void":
      return null;
    default:
      return value.value;
  }
}

function fieldToJson(name: string, value: FieldValue): JsonField {
  return value.kind === "decimal"
    ? [name, value.kind, value.value, value.scale]
    : [name, value.kind, valueToJson(value)];
}

/** A table as JSON-safe arrays. */
export function fieldTableToJson(table: FieldTable): JsonField[] {
  return table.map(([name, value]) => fieldToJson(name, value));
}

function valueFromJson([, kind, value, scale]: JsonField): FieldValue {
  switch (kind) {
    case "int64":
    case "timestamp":
      return { kind, value: BigInt(value as string) };
    case "opaque-string":
    case "binary":
      return { kind, value: Buffer.from(value as string, "base64") };
    case "float":
    case "double":
      return { kind, value: Number(value) };
    case "array":
      return { kind, value: (value as JsonField[]).map(valueFromJson) };
    case "table":
      return { kind, value: fieldTableFromJson(value as JsonField[]) };
    case "void":
      return { kind };
    case "decimal":
      return { kind, value: value as number, scale: scale ?? 0 };
    default:
      return { kind, value } as FieldValue;
  }
}

/** The table that `fieldTableToJson` wrote. */
export function fieldTableFromJson(fields: readonly JsonField[]): FieldTable {
  return fields.map((field) => [field[0], valueFromJson(field)] as const);
}

/** Text that two tables share exactly when they hold the same fields, in whatever order. */
export function fieldTableText(table: FieldTable): string {
  const fields = fieldTableToJson(table).map((field) => JSON.stringify(field));
  return fields.sort().join(",");
}
