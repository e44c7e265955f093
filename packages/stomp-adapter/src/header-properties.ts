import {
  deathHeader,
  deathHistory,
  type FieldTable,
  type FieldValue,
  fieldText,
  type Properties,
  stringField,
} from "@jackalope/core/adapter";
import { escapeText, unescapeText } from "./escaping.ts";

/**
 * The native form of STOMP: the headers of a SEND that belong to the message, one `name:value` and a line feed each, in
 * the escapes of 1.2. `destination`, `receipt`, `transaction` and `content-length` are not among them.
 */

/** Text properties and their headers. */
const textHeaders = {
  contentType: "content-type",
  contentEncoding: "content-encoding",
  correlationId: "correlation-id",
  expiration: "expiration",
  messageId: "amqp-message-id",
  type: "type",
  userId: "user-id",
  appId: "app-id",
} as const satisfies Partial<Record<keyof Properties, string>>;

type TextProperty = keyof typeof textHeaders;

const textProperties = Object.keys(textHeaders) as TextProperty[];
const propertyOf = new Map<string, TextProperty>(textProperties.map((property) => [textHeaders[property], property]));

/** Header names of a MESSAGE frame itself: a message from elsewhere cannot bring its own. */
const frameHeaders = new Set([
  "destination",
  "message-id",
  "subscription",
  "redelivered",
  "ack",
  "content-length",
  "receipt",
  "transaction",
]);

const replyQueuePrefix = "/reply-queue/";
const destinationPrefixes = [
  "/queue/",
  "/exchange/",
  "/topic/",
  "/mqtt/",
  "/amq/queue/",
  "/temp-queue/",
  replyQueuePrefix,
];
const wholeNumber = /^\d{1,19}$/;
const persistentMode = 2;
const lineFeed = 0x0a;
const colon = 0x3a;

/** Decodes native headers. What does not fit a property of its name (a priority that is no number) stays a header. */
export function decodeHeaders(native: Uint8Array): Properties {
  const bytes = Buffer.from(native.buffer, native.byteOffset, native.byteLength);
  const properties: Properties = {};
  const headers: [string, FieldValue][] = [];
  for (let at = 0; at < bytes.length; ) {
    const lineEnd = bytes.indexOf(lineFeed, at);
    const end = lineEnd < 0 ? bytes.length : lineEnd;
    const nameEnd = bytes.indexOf(colon, at);
    if (nameEnd < 0 || nameEnd > end) break;
    const name = unescapeText(bytes, at, nameEnd, "1.2");
    const value = unescapeText(bytes, nameEnd + 1, end, "1.2");
    if (!decodeProperty(name, value, properties)) {
      headers.push([name, name === deathHeader ? deathHistory(value) : stringField(value)]);
    }
    at = end + 1;
  }
  // Always there, as RabbitMQ has it: AMQP programs look into the table of headers without asking whether there is one.
  properties.headers = headers;
  return properties;
}

/** Sets the property that the header stands for; false where it stands for none. */
function decodeProperty(name: string, value: string, into: Properties): boolean {
  const property = propertyOf.get(name);
  if (property !== undefined) {
    into[property] = value;
    return true;
  }
  switch (name) {
    case "persistent":
      if (value === "true") into.deliveryMode = persistentMode;
      return true;
    case "reply-to":
      into.replyTo = value.startsWith(replyQueuePrefix) ? value.slice(replyQueuePrefix.length) : value;
      return true;
    case "priority":
      if (!/^\d{1,3}$/.test(value) || Number(value) > 255) return false;
      into.priority = Number(value);
      return true;
    case "timestamp":
      if (!wholeNumber.test(value)) return false;
      into.timestamp = BigInt(value);
      return true;
    default:
      return false;
  }
}

/** Encodes properties as native headers. Numbers, booleans and times become text, tables and arrays JSON. */
export function encodeHeaders(properties: Properties): Buffer {
  const seen = new Set<string>(frameHeaders);
  let text = "";
  const add = (name: string, value: string): void => {
    if (name === "" || seen.has(name)) return;
    seen.add(name);
    text += `${escapeText(name, "1.2")}:${escapeText(value, "1.2")}\n`;
  };
  for (const property of textProperties) {
    const value = properties[property];
    if (value !== undefined) add(textHeaders[property], value);
  }
  if (properties.deliveryMode === persistentMode) add("persistent", "true");
  if (properties.priority !== undefined) add("priority", String(properties.priority));
  if (properties.timestamp !== undefined) add("timestamp", properties.timestamp.toString());
  if (properties.replyTo !== undefined) add("reply-to", replyDestination(properties.replyTo));
  for (const [name, value] of (properties.headers ?? []) satisfies FieldTable) add(name, fieldText(value));
  return Buffer.from(text);
}

/** A reply address as a destination that can be sent to: what is none is the name of a queue. */
function replyDestination(replyTo: string): string {
  return destinationPrefixes.some((prefix) => replyTo.startsWith(prefix)) ? replyTo : replyQueuePrefix + replyTo;
}
