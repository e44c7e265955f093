import { BrokerError } from "./errors.ts";
import { fieldTableText } from "./field-table-text.ts";
import { type FieldTable, type FieldValue, findField, integerOf } from "./field-value.ts";
import { fieldTypeName } from "./queue/queue-arguments.ts";

/** Queue arguments that a second declaration has to repeat. Mode and version are ignored, so they may differ. */
export const queueArgumentNames: readonly string[] = [
  "x-expires",
  "x-message-ttl",
  "x-dead-letter-exchange",
  "x-dead-letter-routing-key",
  "x-max-length",
  "x-max-length-bytes",
  "x-max-priority",
  "x-overflow",
  "x-single-active-consumer",
  "x-delivery-limit",
  "x-max-transient-length",
  "x-queue-type",
];

/** Throws RabbitMQ's precondition-failed where a flag differs from what `title` was declared with. */
export function requireSameFlag(
  title: string,
  flag: string,
  received: boolean | string,
  current: boolean | string,
): void {
  if (received === current) return;
  const text = `inequivalent arg '${flag}' for ${title}: received '${received}' but current is '${current}'`;
  throw new BrokerError("precondition-failed", text);
}

function show(value: FieldValue): string {
  if (value.kind === "string") return value.value;
  if (value.kind === "binary" || value.kind === "opaque-string") return Buffer.from(value.value).toString();
  if (value.kind === "void") return "undefined";
  if (value.kind === "array" || value.kind === "table") return fieldTableText([["", value]]);
  return String(value.value);
}

function describe(value: FieldValue | undefined): string {
  return value === undefined ? "none" : `the value '${show(value)}' of type '${fieldTypeName(value)}'`;
}

function sameArgument(left: FieldValue | undefined, right: FieldValue | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  const integer = integerOf(left);
  if (integer !== undefined) return integer === integerOf(right);
  return fieldTableText([["", left]]) === fieldTableText([["", right]]);
}

/** Throws RabbitMQ's precondition-failed where one of the `names` differs between two declarations of `title`. */
export function requireSameArguments(
  title: string,
  names: readonly string[],
  received: FieldTable,
  current: FieldTable,
): void {
  for (const name of names) {
    const left = argument(received, name);
    const right = argument(current, name);
    if (sameArgument(left, right)) continue;
    const both = left !== undefined && right !== undefined;
    const words = both
      ? `received '${show(left)}' but current is '${show(right)}'`
      : `received ${describe(left)} but current is ${describe(right)}`;
    throw new BrokerError("precondition-failed", `inequivalent arg '${name}' for ${title}: ${words}`);
  }
}

/** An absent queue type means classic, so asking for classic by name is the same declaration. */
function argument(table: FieldTable, name: string): FieldValue | undefined {
  const value = findField(table, name);
  return name === "x-queue-type" && value?.kind === "string" && value.value === "classic" ? undefined : value;
}
