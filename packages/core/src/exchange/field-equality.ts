import { fieldTableText } from "../field-table-text.ts";
import { type FieldValue, integerOf } from "../field-value.ts";

/**
 * Equality of values and not of types (RabbitMQ): numbers of any kind compare as numbers, strings and binaries by their
 * bytes, everything else by kind and content.
 */
export function sameValue(left: FieldValue, right: FieldValue): boolean {
  if (left.kind === "string" && right.kind === "string") return left.value === right.value;
  if (left.kind === "boolean") return right.kind === "boolean" && left.value === right.value;
  const leftNumber = numberOf(left);
  if (leftNumber !== undefined) return leftNumber === numberOf(right);
  const leftBytes = bytesOf(left);
  if (leftBytes !== undefined) return bytesOf(right)?.equals(leftBytes) ?? false;
  return fieldTableText([["", left]]) === fieldTableText([["", right]]);
}

function numberOf(value: FieldValue): number | bigint | undefined {
  if (value.kind === "float" || value.kind === "double") return value.value;
  return integerOf(value) ?? (value.kind === "int64" || value.kind === "timestamp" ? value.value : undefined);
}

function bytesOf(value: FieldValue): Buffer | undefined {
  if (value.kind === "string") return Buffer.from(value.value);
  return value.kind === "binary" || value.kind === "opaque-string" ? Buffer.from(value.value) : undefined;
}

/** A text that equal values share, by `sameValue`; a few that are not equal may share one as well. */
export function equalityKey(value: FieldValue): string {
  if (value.kind === "string") return `s${value.value}`;
  if (value.kind === "boolean") return value.value ? "b1" : "b0";
  const number = numberOf(value);
  if (number !== undefined) return `n${number}`;
  const bytes = bytesOf(value);
  // Bytes that are no text have the sign for it in their place, and so have their equals.
  return bytes !== undefined ? `s${bytes.toString()}` : `o${fieldTableText([["", value]])}`;
}
