import { type FieldValue, fieldText, findField, type Message, type Properties } from "@jackalope/core/adapter";
import { formatDestination } from "../destination.ts";
import type { PropertySource, SelectorValue } from "./expression.ts";
import { likeWorkMax } from "./like-pattern.ts";

type PropertyReader = (properties: Properties, message: Message) => SelectorValue;

const text = (value: string | undefined): SelectorValue => value ?? null;
const isPersistent = (properties: Properties): boolean => properties.deliveryMode === 2;

/** Names that are no entries of the header table: STOMP's names of properties, and those of Jakarta Messaging. */
const readers: ReadonlyMap<string, PropertyReader> = new Map<string, PropertyReader>([
  ["content-type", ({ contentType }) => text(contentType)],
  ["content-encoding", ({ contentEncoding }) => text(contentEncoding)],
  ["correlation-id", ({ correlationId }) => text(correlationId)],
  ["expiration", ({ expiration }) => text(expiration)],
  ["amqp-message-id", ({ messageId }) => text(messageId)],
  ["type", ({ type }) => text(type)],
  ["user-id", ({ userId }) => text(userId)],
  ["app-id", ({ appId }) => text(appId)],
  ["reply-to", ({ replyTo }) => text(replyTo)],
  ["priority", ({ priority }) => priority ?? null],
  ["timestamp", ({ timestamp }) => (timestamp === undefined ? null : Number(timestamp))],
  ["persistent", (properties) => (isPersistent(properties) ? true : null)],
  ["destination", (_, { route }) => formatDestination(route.exchange, route.routingKey)],
  ["JMSCorrelationID", ({ correlationId }) => text(correlationId)],
  ["JMSDeliveryMode", (properties) => (isPersistent(properties) ? "PERSISTENT" : "NON_PERSISTENT")],
  ["JMSDestination", (_, { route }) => formatDestination(route.exchange, route.routingKey)],
  ["JMSExpiration", ({ expiration }) => (expiration === undefined ? 0 : Number(expiration))],
  ["JMSMessageID", ({ messageId }) => text(messageId)],
  // Jakarta Messaging counts a message without a priority as 4, and time in milliseconds.
  ["JMSPriority", ({ priority }) => priority ?? 4],
  ["JMSReplyTo", ({ replyTo }) => text(replyTo)],
  ["JMSTimestamp", ({ timestamp }) => (timestamp === undefined ? null : Number(timestamp) * 1000)],
  ["JMSType", ({ type }) => text(type)],
]);

function valueOf(field: FieldValue | undefined): SelectorValue {
  if (field === undefined) return null;
  switch (field.kind) {
    case "boolean":
    case "int8":
    case "uint8":
    case "int16":
    case "uint16":
    case "int32":
    case "uint32":
    case "float":
    case "double":
      return field.value;
    case "int64":
    case "timestamp":
    case "decimal":
      return Number(fieldText(field));
    case "void":
      return null;
    default:
      return fieldText(field);
  }
}

/**
 * A message's properties, decoded once however many selectors look at it, and the values that they asked for: a selector may
 * name a header a thousand times, among ten thousand others, and a table takes time to become text.
 */
class DecodedMessage {
  readonly #message: Message;
  readonly #properties: Properties;
  readonly #values = new Map<string, SelectorValue>();
  /** Null before it is needed: few headers are found faster by looking. */
  #fields: Map<string, FieldValue> | null = null;

  constructor(message: Message) {
    this.#message = message;
    this.#properties = message.properties;
  }

  value(name: string): SelectorValue {
    const known = this.#values.get(name);
    if (known !== undefined) return known;
    const read = readers.get(name);
    const value = read === undefined ? valueOf(this.#field(name)) : read(this.#properties, this.#message);
    if (this.#values.size < valuesMax) this.#values.set(name, value);
    return value;
  }

  #field(name: string): FieldValue | undefined {
    const headers = this.#properties.headers ?? [];
    if (headers.length <= fewHeaders) return findField(headers, name);
    if (this.#fields === null) {
      // Of repeated names the first counts, as in `findField`.
      this.#fields = new Map();
      for (const [field, value] of headers) if (!this.#fields.has(field)) this.#fields.set(field, value);
    }
    return this.#fields.get(name);
  }
}

const fewHeaders = 16;
/** More names than a selector has room for in any sensible length. */
const valuesMax = 4096;
const decoded = new WeakMap<Message, DecodedMessage>();

function decodedOf(message: Message): DecodedMessage {
  let known = decoded.get(message);
  if (known === undefined) decoded.set(message, (known = new DecodedMessage(message)));
  return known;
}

/** A message as selectors see it. */
export function propertySource(message: Message): PropertySource {
  return {
    typed: message.format.typed === true,
    workLeft: likeWorkMax,
    value: (name) => decodedOf(message).value(name),
  };
}
