import { topicFilterArgument } from "../exchange/topic-filter-binding.ts";
import { type FieldTable, type FieldValue, findField } from "../field-value.ts";

/**
 * What things cost in memory, about. The constants were measured with Node 20 on x64 as the growth of heap and external
 * memory by a thousand of each and more, after a collection, with the embedded engine for what is durable (which keeps a
 * key and a place of about 200 bytes for each definition). test/broker/topology-bytes.test.ts measures again what can be
 * had by a client, and fails where an estimate is less than two thirds of that, or more than twice as much. Fields and
 * elements of arguments are worked out from their shapes.
 */

/** A queue without arguments: itself, its lists of messages and consumers, its entry in the store. */
const queueBytesEach = 2600;
const exchangeBytesEach = 1000;
/** A binding with its identity, in the lists of both ends and in the store. */
const bindingBytesEach = 440;
/** A key that only one binding has, in a direct exchange. */
const keyBytesEach = 230;
/** One word of a binding key of a topic exchange, or one level of a topic filter, that nobody shares. */
const levelBytesEach = 235;
/** A field that a headers exchange is asked for. */
const headersFieldBytesEach = 240;
/** Name and kind of a field, and the arrays around them. */
const fieldBytesEach = 130;
/** An element of an array. */
const elementBytesEach = 60;

/** A channel with what an adapter has for it. */
export const channelBytes = 1500;
/** A consumer with what an adapter has for it, tag and arguments aside. */
const consumerBytesEach = 620;
/**
 * A connection with its socket and what an adapter has for it. STOMP's takes 10 KiB, with a head of a SEND of at most 1 KiB
 * that it knows again; AMQP's takes 9 KiB, MQTT's less.
 */
export const connectionBytes = 10_000;
/** A remembered route, its key aside. */
const routeBytesEach = 400;

/** A message that waits for its commit, its bytes aside. */
export const bufferedPublishBytes = 300;
/** An acknowledgement that waits for its commit. */
export const bufferedSettlementBytes = 100;

/** Text: a string of one byte a character where it is ASCII, of two where it is not. Never less than that. */
function textBytes(text: string): number {
  return Buffer.byteLength(text);
}

/** A queue, whether or not it is durable. */
export function queueBytes(name: string, args: FieldTable): number {
  return queueBytesEach + 2 * textBytes(name) + fieldTableBytes(args);
}

/** An exchange, its bindings aside. */
export function exchangeBytes(name: string, args: FieldTable): number {
  return exchangeBytesEach + 2 * textBytes(name) + fieldTableBytes(args);
}

/** A binding; its `id` has destination, key and arguments as text and stands in the store once more. */
export function bindingBytes(id: string, sourceType: string, routingKey: string, args: FieldTable): number {
  const texts = 3 * textBytes(id) + textBytes(routingKey);
  return bindingBytesEach + texts + fieldTableBytes(args) + matcherBytes(sourceType, routingKey, args);
}

/** A consumer with its tag and arguments, and `heldBytes` that the adapter keeps for it beyond the usual. */
export function consumerBytes(tag: string, args: FieldTable, heldBytes: number): number {
  return consumerBytesEach + 3 * textBytes(tag) + fieldTableBytes(args) + heldBytes;
}

/** A remembered route with the key as text, as its sender wrote it, and in the tables that find it. */
export function routeBytes(exchange: string, routingKey: string, topic: string | null): number {
  return routeBytesEach + textBytes(exchange) + 3 * textBytes(routingKey) + (topic === null ? 0 : 2 * textBytes(topic));
}

/** A table of arguments. */
function fieldTableBytes(table: FieldTable): number {
  let bytes = 0;
  for (const [name, value] of table) bytes += fieldBytesEach + textBytes(name) + valueBytes(value);
  return bytes;
}

function valueBytes(value: FieldValue): number {
  switch (value.kind) {
    case "string":
      return 16 + textBytes(value.value);
    case "opaque-string":
    case "binary":
      return 100 + value.value.length;
    case "int64":
    case "timestamp":
      return 32;
    case "array":
      return value.value.reduce((bytes, element) => bytes + elementBytesEach + valueBytes(element), 32);
    case "table":
      return 32 + fieldTableBytes(value.value);
    default:
      return 16;
  }
}

/** What the exchange needs to find the binding, as if it shared nothing with others. */
function matcherBytes(sourceType: string, routingKey: string, args: FieldTable): number {
  if (sourceType === "direct") return keyBytesEach;
  if (sourceType === "headers") return keyBytesEach + headersFieldBytesEach * args.length;
  if (sourceType !== "topic") return 0;
  const filter = findField(args, topicFilterArgument);
  const separators = filter?.kind === "string" ? occurrences(filter.value, "/") : occurrences(routingKey, ".");
  return levelBytesEach * (separators + 1);
}

function occurrences(text: string, character: string): number {
  let count = 0;
  for (let at = text.indexOf(character); at >= 0; at = text.indexOf(character, at + 1)) count++;
  return count;
}
