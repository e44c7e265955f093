import { type ConfirmChannel, connect, type ConsumeMessage, type Options } from "amqplib";
import { Inbox } from "../../harness/waiting.ts";
import type { Fields, Value } from "../conversion/rows.ts";
import { type Arrived, isBytes, type Participant, prefixedFields, splitFields } from "./participant.ts";

const exchange = "amq.topic";
const headerPrefix = "header ";

/** Names of the properties, and what amqplib calls them. */
const propertyNames: Readonly<Record<string, string>> = {
  "content-type": "contentType",
  "content-encoding": "contentEncoding",
  "delivery-mode": "deliveryMode",
  "correlation-id": "correlationId",
  "reply-to": "replyTo",
  "message-id": "messageId",
  "user-id": "userId",
  "app-id": "appId",
  "cluster-id": "clusterId",
  expiration: "expiration",
  priority: "priority",
  timestamp: "timestamp",
  type: "type",
};

/** amqplib, on the exchange that topics live on. */
export async function amqpParticipant(url: string): Promise<Participant> {
  const connection = await connect(url);
  connection.on("error", () => undefined);
  const channel: ConfirmChannel = await connection.createConfirmChannel();
  channel.on("error", () => undefined);
  return {
    protocol: "amqp",
    send: async (address, fields, body) => {
      channel.publish(exchange, address.key, Buffer.from(body as string), optionsOf(fields));
      await channel.waitForConfirms();
    },
    receive: async (address) => {
      const inbox = new Inbox<Arrived>(`AMQP messages of ${address.key}`);
      const { queue } = await channel.assertQueue("", { exclusive: true });
      await channel.bindQueue(queue, exchange, address.key);
      await channel.consume(queue, (message) => message !== null && inbox.push(arrived(message)), { noAck: true });
      return inbox;
    },
    close: () => connection.close(),
  };
}

/** What amqplib is told for these fields. */
function optionsOf(fields: Fields): Options.Publish {
  const [headers, properties] = splitFields(fields, headerPrefix);
  const named = Object.entries(properties).map(([name, value]) => [propertyNames[name] ?? name, value]);
  const table = Object.entries(headers).map(([name, value]) => [name, nativeValue(value)]);
  return { ...Object.fromEntries(named), ...(table.length === 0 ? {} : { headers: Object.fromEntries(table) }) };
}

function nativeValue(value: Value): unknown {
  if (isBytes(value)) return Buffer.from(value.hex, "hex");
  if (typeof value === "object" && value !== null && "type" in value) return { "!": value.type, value: value.value };
  return value;
}

function plainValue(value: unknown): Value {
  if (Buffer.isBuffer(value)) return { hex: value.toString("hex") };
  if (typeof value === "object" && value !== null && "!" in value) {
    const { "!": type, value: content } = value as { "!": "timestamp"; value: number };
    return { type, value: content };
  }
  return value as Value;
}

function arrived({ content, fields, properties }: ConsumeMessage): Arrived {
  const set = Object.entries(propertyNames).flatMap(([name, key]) => {
    const value = (properties as unknown as Record<string, unknown>)[key];
    return value === undefined ? [] : [[name, value as Value] as const];
  });
  const headers = Object.entries(properties.headers ?? {}).map(([name, value]) => [name, plainValue(value)] as const);
  return {
    fields: { ...Object.fromEntries(set), ...prefixedFields(Object.fromEntries(headers), headerPrefix) },
    body: content,
    address: fields.routingKey,
  };
}
