import { createHash, randomBytes } from "node:crypto";
import {
  type FieldTable,
  type FieldValue,
  isLongerThan,
  nameBytesMax,
  type QueueSpec,
  stringField,
} from "@jackalope/core/adapter";
import type { FrameHead } from "./frame-head.ts";
import { StompError } from "./stomp-error.ts";

/** The headers of one frame by name; of repeated ones the first. */
export type Headers = ReadonlyMap<string, string>;

/** Reads all headers of a frame. */
export function headersOf(head: FrameHead): Headers {
  const headers = new Map<string, string>();
  for (let line = 0; line < head.count; line++) {
    const name = head.name(line);
    if (!headers.has(name)) headers.set(name, head.value(line));
  }
  return headers;
}

type ArgumentKind = "text" | "number" | "flag";

/** Arguments of queues whose type is known; others go by what they look like. */
const queueArguments: Readonly<Record<string, ArgumentKind>> = {
  "x-dead-letter-exchange": "text",
  "x-dead-letter-routing-key": "text",
  "x-dead-letter-strategy": "text",
  "x-delivery-limit": "number",
  "x-expires": "number",
  "x-max-age": "text",
  "x-max-in-memory-bytes": "number",
  "x-max-in-memory-length": "number",
  "x-max-length": "number",
  "x-max-length-bytes": "number",
  "x-max-priority": "number",
  "x-message-ttl": "number",
  "x-overflow": "text",
  "x-queue-leader-locator": "text",
  "x-queue-mode": "text",
  "x-queue-type": "text",
  "x-queue-version": "number",
  "x-single-active-consumer": "flag",
  "x-stream-filter-size-bytes": "number",
  "x-stream-max-segment-size-bytes": "number",
};

/** Arguments of consumers. */
const consumerArguments: Readonly<Record<string, ArgumentKind>> = {
  "x-priority": "number",
  "x-stream-filter": "text",
  "x-stream-match-unfiltered": "flag",
  "x-stream-offset": "text",
};

const queueNameHeader = "x-queue-name";
const integerPattern = /^-?\d{1,18}$/;

function argument(name: string, text: string, kind: ArgumentKind | undefined): FieldValue {
  const isNumber = integerPattern.test(text);
  const isFlag = text === "true" || text === "false";
  if ((kind === "number" && !isNumber) || (kind === "flag" && !isFlag)) {
    throw new StompError("Invalid header", `'${name}' is not a ${kind}: '${text}'\n`);
  }
  if (kind === "number" || (kind === undefined && isNumber)) return { kind: "int64", value: BigInt(text) };
  if (kind === "flag" || (kind === undefined && isFlag)) return { kind: "boolean", value: text === "true" };
  return stringField(text);
}

/** Every `x-` header of a SUBSCRIBE that is no consumer's is the queue's: RabbitMQ forgets several. */
function queueTable(headers: Headers): FieldTable {
  const table: [string, FieldValue][] = [];
  for (const [name, text] of headers) {
    if (!name.startsWith("x-") || name === queueNameHeader || name in consumerArguments) continue;
    table.push([name, argument(name, text, queueArguments[name])]);
  }
  return table;
}

/** The arguments that a SUBSCRIBE gives its consumer. */
export function consumerTable(headers: Headers): FieldTable {
  const table: [string, FieldValue][] = [];
  for (const [name, kind] of Object.entries(consumerArguments)) {
    const text = headers.get(name);
    if (text !== undefined) table.push([name, argument(name, text, kind)]);
  }
  return table;
}

function flag(headers: Headers, name: string): boolean | undefined {
  const text = headers.get(name);
  return text === undefined ? undefined : text === "true";
}

/** True where the frame asks for a durable subscription; `persistent` is an older name for it. */
export function wantsDurable(headers: Headers): boolean {
  return (flag(headers, "durable") ?? flag(headers, "persistent")) === true;
}

/** The queue of a SUBSCRIBE to `/queue/`: durable and shared, unless the frame says otherwise. */
export function sharedQueue(headers: Headers): QueueSpec {
  const durable = flag(headers, "durable") ?? flag(headers, "persistent") ?? true;
  return specOf(headers, durable);
}

/** A subscription's own queue: gone with the connection, or durable. */
export function subscriptionQueue(headers: Headers): QueueSpec {
  return specOf(headers, wantsDurable(headers));
}

function specOf(headers: Headers, durable: boolean): QueueSpec {
  return {
    durable,
    exclusive: flag(headers, "exclusive") ?? !durable,
    autoDelete: flag(headers, "auto-delete") ?? !durable,
    arguments: queueTable(headers),
  };
}

/** True where a SUBSCRIBE says anything about its queue. */
export function describesQueue(headers: Headers): boolean {
  for (const name of ["durable", "persistent", "auto-delete", "exclusive"]) if (headers.has(name)) return true;
  return queueTable(headers).length > 0;
}

/**
 * The queue that a SEND to `/queue/` makes where there is none. Headers of a SEND are the message's: only those count
 * that can be nothing else than a queue's.
 */
export function queueArgumentsOfSend(head: FrameHead): QueueSpec {
  const headers = headersOf(head);
  const durable = flag(headers, "durable") ?? true;
  const known = queueTable(new Map([...headers].filter(([name]) => name in queueArguments)));
  return { ...specOf(headers, durable), arguments: known };
}

/** True where a SUBSCRIBE gives the queue its name, and may mean one that it shares with others. */
export function namesQueue(headers: Headers): boolean {
  return (headers.get(queueNameHeader) ?? "") !== "";
}

/**
 * The name of a subscription's own queue. A durable one is found again by destination and id: RabbitMQ's way to make the
 * name, so that a broker that takes over its queues goes on with them. `x-queue-name` overrides both.
 */
export function subscriptionQueueName(headers: Headers, routingKey: string): string {
  const given = headers.get(queueNameHeader);
  if (given !== undefined && given !== "") {
    if (!isLongerThan(given, nameBytesMax)) return given;
    throw new StompError("Invalid header", `'${queueNameHeader}' has more than ${nameBytesMax} bytes\n`);
  }
  const id = headers.get("id");
  const unique =
    wantsDurable(headers) && id !== undefined
      ? createHash("md5").update(erlangPair(routingKey, id)).digest()
      : randomBytes(16);
  return `stomp-subscription-${unique.toString("base64url")}`;
}

/** Two strings as Erlang's external term format writes the pair `{First, Second}`. */
function erlangPair(first: string, second: string): Buffer {
  return Buffer.concat([Buffer.of(131, 104, 2), erlangString(first), erlangString(second)]);
}

function erlangString(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length === 0) return Buffer.of(106);
  const head = Buffer.of(107, bytes.length >>> 8, bytes.length & 0xff);
  return Buffer.concat([head, bytes]);
}
