import { fieldText } from "../field-text.ts";
import { type FieldTable, type FieldValue, stringField } from "../field-value.ts";

/** The header in which the broker keeps why a message was dead-lettered. */
export const deathHeader = "x-death";

const texts = new Set(["reason", "queue", "exchange", "original-expiration"]);

function death(value: unknown): FieldValue | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const fields: [string, FieldValue][] = [];
  for (const [name, field] of Object.entries(value)) {
    if (texts.has(name) && typeof field === "string") fields.push([name, stringField(field)]);
    else if (name === "count" && Number.isSafeInteger(field))
      fields.push([name, { kind: "int64", value: BigInt(field as number) }]);
    else if (name === "time" && Number.isSafeInteger(field) && (field as number) >= 0) {
      fields.push([name, { kind: "timestamp", value: BigInt(field as number) }]);
    } else if (name === "routing-keys" && Array.isArray(field) && field.every((key) => typeof key === "string")) {
      fields.push([name, { kind: "array", value: field.map(stringField) }]);
    } else return null;
  }
  return { kind: "table", value: fields satisfies FieldTable };
}

/**
 * Reads `x-death` back from the JSON that a STOMP header or an MQTT user property carries, with the types the broker
 * works with: without them a message that dies twice would lose its first death, and circles would go unseen. Other text
 * stays text, and so does JSON that `fieldText` would write in another way.
 */
export function deathHistory(text: string): FieldValue {
  if (!text.startsWith("[")) return stringField(text);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return stringField(text);
  }
  const deaths = (parsed as unknown[]).map(death);
  const whole = deaths.filter((one) => one !== null);
  const history: FieldValue = { kind: "array", value: whole };
  return whole.length === deaths.length && fieldText(history) === text ? history : stringField(text);
}
