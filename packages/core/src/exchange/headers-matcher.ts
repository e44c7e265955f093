import { BrokerError } from "../errors.ts";
import { fieldTableText } from "../field-table-text.ts";
import { type FieldTable, type FieldValue, findField, integerOf, stringField } from "../field-value.ts";
import { fieldTypeName } from "../queue/queue-arguments.ts";
import type { Binding, Destination } from "./binding.ts";
import type { Matcher } from "./matcher.ts";

interface Condition {
  readonly all: boolean;
  readonly fields: FieldTable;
}

/**
 * Headers exchanges (AMQP 0-9-1, 3.1.3.4, with RabbitMQ's `all-with-x` and `any-with-x`): a binding's arguments are
 * compared with the message's headers. A void argument asks for presence only; `x-` arguments take part only in the
 * with-x forms. An empty `all` matches every message, an empty `any` none.
 */
export class HeadersMatcher implements Matcher {
  readonly readsHeaders = true;
  readonly #conditions = new Map<Binding, Condition>();

  get compared(): number {
    return this.#conditions.size;
  }

  add(binding: Binding): void {
    this.#conditions.set(binding, conditionOf(binding.arguments));
  }

  remove(binding: Binding): void {
    this.#conditions.delete(binding);
  }

  match(_routingKey: string, headers: FieldTable, found: (destination: Destination) => void): void {
    for (const [binding, condition] of this.#conditions) if (satisfies(condition, headers)) found(binding.destination);
  }
}

function conditionOf(args: FieldTable): Condition {
  const match = findField(args, "x-match") ?? stringField("all");
  if (match.kind !== "string") {
    const value = "value" in match && typeof match.value !== "object" ? match.value : "...";
    const text = `Invalid x-match field type ${fieldTypeName(match)} (value ${value}); expected longstr`;
    throw new BrokerError("precondition-failed", text);
  }
  const word = match.value;
  if (word !== "all" && word !== "any" && word !== "all-with-x" && word !== "any-with-x") {
    const text = `Invalid x-match field value "${word}"; expected all, any, all-with-x, or any-with-x`;
    throw new BrokerError("precondition-failed", text);
  }
  const withX = word.endsWith("-with-x");
  const fields = args.filter(([name]) => name !== "x-match" && (withX || !name.startsWith("x-")));
  return { all: word.startsWith("all"), fields };
}

function satisfies(condition: Condition, headers: FieldTable): boolean {
  for (const [name, wanted] of condition.fields) {
    const actual = findField(headers, name);
    const equal = actual !== undefined && (wanted.kind === "void" || sameValue(wanted, actual));
    if (equal !== condition.all) return !condition.all;
  }
  return condition.all;
}

/**
 * Equality of values and not of types (RabbitMQ): numbers of any kind compare as numbers, strings and binaries by their
 * bytes, everything else by kind and content.
 */
function sameValue(left: FieldValue, right: FieldValue): boolean {
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
