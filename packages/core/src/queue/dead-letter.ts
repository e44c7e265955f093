import { type FieldTable, type FieldValue, findField, integerOf, stringField, withField } from "../field-value.ts";
import type { Message } from "../message.ts";
import type { Properties } from "../properties.ts";
import { Route } from "../route.ts";

/** Why a message is dead-lettered, in RabbitMQ's words. */
export type DeathReason = "rejected" | "expired" | "maxlen" | "delivery_limit";

/** One death, as it goes into the `x-death` header. */
export interface Death {
  readonly queue: string;
  readonly reason: DeathReason;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

/**
 * Pairs of queue and reason that one message may collect. Histories of this length come from no sensible topology, but a
 * chain of thousands of full queues would keep the broker busy with one message for minutes.
 */
export const deathsMax = 128;

/** Carries the exact MQTT topic of a message where its key does not tell it. */
const topicHeader = "x-mqtt-topic";

/** A message on its way to a dead-letter exchange, and its headers as they are by now. */
export interface DeadLetter {
  readonly copy: Message;
  readonly headers: FieldTable;
}

function deathsOf(headers: FieldTable): readonly FieldTable[] {
  const value = findField(headers, "x-death");
  if (value?.kind !== "array") return [];
  return value.value.flatMap((entry) => (entry.kind === "table" ? [entry.value] : []));
}

function textOf(table: FieldTable, name: string): string | undefined {
  const value = findField(table, name);
  return value?.kind === "string" ? value.value : undefined;
}

function isDeath(table: FieldTable, queue: string, reason: DeathReason): boolean {
  return textOf(table, "queue") === queue && textOf(table, "reason") === reason;
}

function newDeath(message: Message, death: Death, expiration: string | undefined): FieldTable {
  const keys = [message.route.routingKey, ...message.extraKeys];
  const fields: [string, FieldValue][] = [
    ["count", { kind: "int64", value: 1n }],
    ["reason", stringField(death.reason)],
    ["queue", stringField(death.queue)],
    ["time", { kind: "timestamp", value: BigInt(Math.floor(death.atMs / 1000)) }],
    ["exchange", stringField(message.route.exchange)],
    ["routing-keys", { kind: "array", value: keys.map(stringField) }],
  ];
  if (expiration !== undefined) fields.unshift(["original-expiration", stringField(expiration)]);
  return fields;
}

/**
 * The headers of a message that dies once more: `x-death` newest first, one entry for each pair of queue and reason with
 * a count and the time of its first death; `x-first-death-*` set once, `x-last-death-*` every time.
 */
function deathHeaders(message: Message, properties: Properties, death: Death): FieldTable {
  let headers = properties.headers ?? [];
  const deaths = deathsOf(headers);
  const earlier = deaths.find((entry) => isDeath(entry, death.queue, death.reason));
  const current: FieldTable =
    earlier === undefined
      ? newDeath(message, death, properties.expiration)
      : withCount(earlier, (integerOf(findField(earlier, "count")) ?? 0) + 1);
  const history = [current, ...deaths.filter((entry) => entry !== earlier)];
  headers = withField(headers, "x-death", { kind: "array", value: history.map((value) => ({ kind: "table", value })) });
  const facts = [
    ["reason", death.reason],
    ["queue", death.queue],
    ["exchange", message.route.exchange],
  ] as const;
  for (const [name, text] of facts) {
    if (findField(headers, `x-first-death-${name}`) === undefined) {
      headers = withField(headers, `x-first-death-${name}`, stringField(text));
    }
    headers = withField(headers, `x-last-death-${name}`, stringField(text));
  }
  return headers;
}

function withCount(death: FieldTable, count: number): FieldTable {
  return death.map(
    ([name, value]) => [name, name === "count" ? { kind: "int64", value: BigInt(count) } : value] as const,
  );
}

/**
 * The message as it goes to the dead-letter exchange: history added, expiration removed so that it does not die of the
 * same again, CC removed where the queue sets its own dead-letter routing key.
 */
export function deadLetterMessage(
  message: Message,
  exchange: string,
  routingKey: string | null,
  death: Death,
): DeadLetter {
  const properties = message.properties;
  let headers = deathHeaders(message, properties, death);
  // A key of the queue's own is another topic too.
  if (routingKey !== null) headers = withField(withField(headers, "CC", null), topicHeader, null);
  const { expiration: _expiration, ...rest } = properties;
  const { route: old } = message;
  const route = routingKey === null ? new Route(exchange, old.routingKey, old.topic) : new Route(exchange, routingKey);
  const copy = message.derive(route, { ...rest, headers });
  copy.expirationMs = -1;
  if (routingKey !== null) copy.extraKeys = [];
  return { copy, headers };
}

/**
 * True where `queue` already stands in the message's deaths and nobody rejected it since: such a message would circle
 * for ever without anybody looking at it, so the queue is left out. A rejection is a decision and breaks the cycle.
 * A message that has died in far too many queues is left out everywhere.
 */
export function deathCycles(headers: FieldTable, queue: string): boolean {
  const deaths = deathsOf(headers);
  if (deaths.length > deathsMax) return true;
  const index = deaths.findIndex((death) => textOf(death, "queue") === queue);
  if (index < 0) return false;
  return deaths.slice(0, index + 1).every((death) => textOf(death, "reason") !== "rejected");
}
