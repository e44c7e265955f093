import { BrokerError } from "../errors.ts";
import { type FieldTable, findField, stringField } from "../field-value.ts";
import { fieldTypeName } from "../queue/queue-arguments.ts";

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
