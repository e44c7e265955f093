import { BrokerError, resourceName } from "../errors.ts";
import { expiryMsMax } from "../expiry.ts";
import { type FieldTable, type FieldValue, findField, integerOf } from "../field-value.ts";
import { isLongerThan, nameBytesMax } from "../name-bounds.ts";

/** What happens to a publish that a full queue cannot take. */
type Overflow = "drop-head" | "reject-publish" | "reject-publish-dlx";

/** A queue's optional arguments, checked and named. Absent limits are -1, absent names null. */
export interface QueueArguments {
  readonly type: "classic" | "quorum";
  readonly messageTtlMs: number;
  readonly expiresMs: number;
  readonly lengthMax: number;
  readonly lengthBytesMax: number;
  readonly overflow: Overflow;
  readonly deadLetterExchange: string | null;
  readonly deadLetterRoutingKey: string | null;
  /** 0 where the queue has no priorities. */
  readonly priorityMax: number;
  readonly singleActiveConsumer: boolean;
  /** Failed deliveries after which a message is dead-lettered; -1 is no limit. */
  readonly deliveryLimit: number;
  /** Ready messages from which on transient ones are dropped instead of kept (ours, for MQTT's QoS 0). */
  readonly transientLengthMax: number;
}

/** RabbitMQ's names of field types, as they stand in its explanations. */
export function fieldTypeName(value: FieldValue): string {
  return fieldTypeNames[value.kind];
}

const fieldTypeNames = {
  boolean: "bool",
  int8: "byte",
  uint8: "unsignedbyte",
  int16: "short",
  uint16: "unsignedshort",
  int32: "signedint",
  uint32: "unsignedint",
  int64: "long",
  float: "float",
  double: "double",
  decimal: "decimal",
  string: "longstr",
  "opaque-string": "longstr",
  binary: "binary",
  timestamp: "timestamp",
  array: "array",
  table: "table",
  void: "void",
} satisfies Record<FieldValue["kind"], string>;

export const prioritiesMax = 255;
/** Failed deliveries a quorum queue allows by default (features of RabbitMQ 4.x). */
const quorumDeliveryLimit = 20;

/** An argument that a queue or an exchange cannot have. */
export class ArgumentError extends BrokerError {
  readonly argument: string;

  constructor(argument: string, explanation: string) {
    super("precondition-failed", explanation);
    this.argument = argument;
  }
}

/**
 * Reads an argument that names an exchange, null where it is absent. Throws precondition-failed, in RabbitMQ's words where
 * it is something else than a string, and where no exchange can have such a name.
 */
export function exchangeArgument(table: FieldTable, argument: string, title: string): string | null {
  const value = findField(table, argument);
  if (value === undefined) return null;
  if (value.kind !== "string") {
    throw new ArgumentError(argument, `invalid type '${fieldTypeName(value)}' for arg '${argument}' in ${title}`);
  }
  if (isLongerThan(value.value, nameBytesMax)) throw tooLong(argument, value.value, title);
  return value.value;
}

function tooLong(argument: string, text: string, title: string): ArgumentError {
  const bytes = Buffer.byteLength(text);
  return new ArgumentError(argument, `invalid arg '${argument}' for ${title}: {value_too_long,${bytes}}`);
}

/** Reads one queue's arguments. Throws precondition-failed with RabbitMQ's explanation. */
class ArgumentReader {
  readonly #table: FieldTable;
  readonly #title: string;

  constructor(table: FieldTable, title: string) {
    this.#table = table;
    this.#title = title;
  }

  refuse(name: string, why: string): never {
    throw new ArgumentError(name, `invalid arg '${name}' for ${this.#title}: ${why}`);
  }

  /** A non-negative integer, or -1 where the argument is absent. */
  count(name: string): number {
    const value = findField(this.#table, name);
    if (value === undefined) return -1;
    const number = this.#integer(name, value);
    if (number < 0) this.refuse(name, `{value_negative,${number}}`);
    return number;
  }

  milliseconds(name: string): number {
    const number = this.count(name);
    if (number > expiryMsMax) this.refuse(name, `{value_too_large,${number}}`);
    return number;
  }

  /** An integer of any sign, or undefined. */
  integer(name: string): number | undefined {
    const value = findField(this.#table, name);
    return value === undefined ? undefined : this.#integer(name, value);
  }

  text(name: string): string | null {
    const value = findField(this.#table, name);
    if (value === undefined) return null;
    if (value.kind !== "string") return this.refuse(name, `{unacceptable_type,${fieldTypeName(value)}}`);
    return value.value;
  }

  /** As `text`, for a routing key. */
  key(name: string): string | null {
    const text = this.text(name);
    if (text !== null && isLongerThan(text, nameBytesMax)) throw tooLong(name, text, this.#title);
    return text;
  }

  exchange(name: string): string | null {
    return exchangeArgument(this.#table, name, this.#title);
  }

  flag(name: string): boolean {
    const value = findField(this.#table, name);
    if (value === undefined) return false;
    if (value.kind !== "boolean") return this.refuse(name, `{unacceptable_type,${fieldTypeName(value)}}`);
    return value.value;
  }

  #integer(name: string, value: FieldValue): number {
    const number = value.kind === "timestamp" ? undefined : integerOf(value);
    return number ?? this.refuse(name, `"expected integer, got ${fieldTypeName(value)}"`);
  }
}

function queueType(reader: ArgumentReader): "classic" | "quorum" {
  const type = reader.text("x-queue-type") ?? "classic";
  if (type !== "classic" && type !== "quorum")
    return reader.refuse("x-queue-type", `"unsupported queue type '${type}'"`);
  return type;
}

function overflowOf(reader: ArgumentReader): Overflow {
  const overflow = reader.text("x-overflow") ?? "drop-head";
  if (overflow === "drop-head" || overflow === "reject-publish" || overflow === "reject-publish-dlx") return overflow;
  return reader.refuse("x-overflow", "invalid_overflow");
}

/** Checks the arguments of `queue '…' in vhost '…'`. Unknown ones, `x-queue-mode` and `x-queue-version` are ignored. */
export function readQueueArguments(table: FieldTable, name: string, virtualHost: string): QueueArguments {
  const reader = new ArgumentReader(table, resourceName("queue", name, virtualHost));
  const type = queueType(reader);
  const expiresMs = reader.milliseconds("x-expires");
  if (expiresMs === 0) reader.refuse("x-expires", "{value_zero,0}");
  const priorityMax = Math.max(0, reader.count("x-max-priority"));
  if (priorityMax > prioritiesMax) reader.refuse("x-max-priority", `{max_value_exceeded,${priorityMax}}`);
  const deadLetterExchange = reader.exchange("x-dead-letter-exchange");
  const deadLetterRoutingKey = reader.key("x-dead-letter-routing-key");
  if (deadLetterRoutingKey !== null && deadLetterExchange === null) {
    reader.refuse("x-dead-letter-routing-key", "routing_key_but_no_dlx_defined");
  }
  return {
    type,
    messageTtlMs: reader.milliseconds("x-message-ttl"),
    expiresMs,
    lengthMax: reader.count("x-max-length"),
    lengthBytesMax: reader.count("x-max-length-bytes"),
    overflow: overflowOf(reader),
    deadLetterExchange,
    deadLetterRoutingKey,
    priorityMax,
    singleActiveConsumer: reader.flag("x-single-active-consumer"),
    transientLengthMax: reader.count("x-max-transient-length"),
    deliveryLimit: Math.max(-1, reader.integer("x-delivery-limit") ?? (type === "quorum" ? quorumDeliveryLimit : -1)),
  };
}
