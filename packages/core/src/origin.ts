import type { ConnectionOptions } from "./client-connection.ts";
import { type FieldTable, type FieldValue, stringField } from "./field-value.ts";
import type { Message } from "./message.ts";

/** Headers that tell who published a message. A client cannot bring its own: they are replaced. */
const originPrefix = "x-origin-";

/** The headers for messages of one connection. */
export function originHeaders(options: ConnectionOptions): FieldTable {
  const headers: [string, FieldValue][] = [
    [`${originPrefix}protocol`, stringField(options.protocol)],
    [`${originPrefix}user`, stringField(options.user.name)],
    [`${originPrefix}peer`, stringField(options.peer)],
  ];
  if (options.clientId !== undefined) headers.push([`${originPrefix}client-id`, stringField(options.clientId)]);
  return headers;
}

/** Headers of a message with `origin` among them, in place of what the sender claims. */
export function headersWithOrigin(headers: FieldTable, origin: FieldTable): FieldTable {
  return [...headers.filter(([name]) => !name.startsWith(originPrefix)), ...origin];
}

/** A copy of the message with `origin` among its headers. */
export function withOrigin(message: Message, origin: FieldTable): Message {
  const properties = message.properties;
  const headers = headersWithOrigin(properties.headers ?? [], origin);
  const copy = message.derive(message.route, { ...properties, headers });
  copy.originId = message.originId;
  return copy;
}
