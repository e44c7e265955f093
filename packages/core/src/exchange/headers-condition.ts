import { BrokerError } from "../errors.ts";
import { type FieldTable, type FieldValue, findField, stringField } from "../field-value.ts";
import { fieldTypeName } from "../queue/queue-arguments.ts";
import { sameValue } from "./field-equality.ts";

/** What a binding to a headers exchange asks of a message. */
export interface HeadersCondition {
  /** All of the fields, or any. */
  readonly all: boolean;
  readonly fields: FieldTable;
}

/** Fields that a binding to a headers exchange may compare: each may cost a look for every message. */
export const headersFieldsMax = 256;

/** The condition in a binding's arguments. Throws precondition-failed where they make none, in RabbitMQ's words. */
export function conditionOf(args: FieldTable): HeadersCondition {
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

/** Throws precondition-failed for arguments that are too many. Not asked of bindings that are stored already. */
export function checkHeadersArguments(args: FieldTable): void {
  if (args.length <= headersFieldsMax) return;
  const text = `a binding to a headers exchange has more than ${headersFieldsMax} arguments`;
  throw new BrokerError("precondition-failed", text);
}

/** The headers of one message, found by name in constant time where there are many. */
export class MessageHeaders {
  readonly #table: FieldTable;
  readonly #byName: Map<string, FieldValue> | null;

  constructor(table: FieldTable) {
    this.#table = table;
    if (table.length <= fewHeaders) {
      this.#byName = null;
      return;
    }
    this.#byName = new Map();
    // Of repeated names the first counts, as in `findField`.
    for (const [name, value] of table) if (!this.#byName.has(name)) this.#byName.set(name, value);
  }

  find(name: string): FieldValue | undefined {
    return this.#byName === null ? findField(this.#table, name) : this.#byName.get(name);
  }
}

/** So few are found faster by looking. */
const fewHeaders = 8;

/** True where one field of a condition holds: void asks for presence only. */
function fieldHolds(wanted: FieldValue, actual: FieldValue | undefined): boolean {
  return actual !== undefined && (wanted.kind === "void" || sameValue(wanted, actual));
}

/** True where the condition holds for a message. */
export function satisfies(condition: HeadersCondition, headers: MessageHeaders): boolean {
  for (const [name, wanted] of condition.fields) {
    if (fieldHolds(wanted, headers.find(name)) !== condition.all) return !condition.all;
  }
  return condition.all;
}
