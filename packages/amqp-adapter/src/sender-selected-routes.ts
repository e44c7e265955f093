import {
  type Channel,
  type FieldTable,
  fieldTypeName,
  findField,
  type Properties,
  type Route,
  withField,
} from "@jackalope/core/adapter";
import { AmqpError, replyCodes } from "./amqp-error.ts";

/** Sender-selected distribution (RabbitMQ's extension): further routing keys in the headers CC and BCC. */
export interface CopyRoutes {
  readonly routes: readonly Route[];
  /** The keys of CC, which stay visible to receivers. */
  readonly visibleKeys: readonly string[];
  /** A BCC header is there and must go before delivery. */
  readonly blind: boolean;
}

const none: CopyRoutes = { routes: [], visibleKeys: [], blind: false };

function keysOf(headers: FieldTable, name: "CC" | "BCC"): string[] | null {
  const value = findField(headers, name);
  if (value === undefined) return null;
  if (value.kind !== "array") {
    const text = `invalid message: {unacceptable_type_in_header,"${name}",${fieldTypeName(value)}}`;
    throw new AmqpError(replyCodes.preconditionFailed, text);
  }
  const keys: string[] = [];
  for (const item of value.value) if (item.kind === "string") keys.push(item.value);
  return keys;
}

/** The routes that CC and BCC add. Throws 406 where a header is not an array. */
export function copyRoutes(properties: Properties, channel: Channel, exchange: string): CopyRoutes {
  const headers = properties.headers;
  if (headers === undefined) return none;
  const visible = keysOf(headers, "CC");
  const blind = keysOf(headers, "BCC");
  const routes: Route[] = [];
  for (const key of visible ?? []) routes.push(channel.route(exchange, key));
  for (const key of blind ?? []) routes.push(channel.route(exchange, key));
  return { routes, visibleKeys: visible ?? [], blind: blind !== null };
}

/** The properties as receivers may see them. */
export function withoutBlindCopies(properties: Properties): Properties {
  if (properties.headers === undefined) return properties;
  return { ...properties, headers: withField(properties.headers, "BCC", null) };
}
