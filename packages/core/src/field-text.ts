import type { FieldTable, FieldValue } from "./field-value.ts";

/** Values of typed tables as text, for headers: nothing is dropped, tables and arrays become JSON. */
export function fieldText(value: FieldValue): string {
  switch (value.kind) {
    case "string":
      return value.value;
    case "void":
      return "";
    case "opaque-string":
    case "binary":
      return Buffer.from(value.value).toString("base64");
    case "decimal":
      return decimalText(value.value, value.scale);
    case "array":
    case "table":
      return JSON.stringify(plainValue(value));
    default:
      return String(value.value);
  }
}

function decimalText(unscaled: number, scale: number): string {
  if (scale === 0) return String(unscaled);
  const digits = String(unscaled).padStart(scale + 1, "0");
  return `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

function plainValue(value: FieldValue): unknown {
  switch (value.kind) {
    case "array":
      return value.value.map(plainValue);
    case "table":
      return plainTable(value.value);
    case "void":
      return null;
    case "int64":
    case "timestamp": {
      const number = Number(value.value);
      return Number.isSafeInteger(number) ? number : value.value.toString();
    }
    case "boolean":
      return value.value;
    case "string":
    case "opaque-string":
    case "binary":
    case "decimal":
      return fieldText(value);
    default:
      // JSON has no infinities.
      return Number.isFinite(value.value) ? value.value : String(value.value);
  }
}

function plainTable(table: FieldTable): Record<string, unknown> {
  // Without a prototype: a field may be named __proto__.
  const plain: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of table) plain[name] = plainValue(value);
  return plain;
}
