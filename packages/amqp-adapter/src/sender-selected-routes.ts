import {
  type Channel,
  type FieldTable,
  fieldTypeName,
  findField,
  isLongerThan,
  nameBytesMax,
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

/** Keys of CC and BCC together: each is another search for queues. */
export const copyKeysMax = 1024;

const none: CopyRoutes = { routes: [], visibleKeys: [], blind: false };

function keysOf(headers: FieldTable, name: "CC" | "BCC"): string[] | null {
  const value = findField(headers, name);
  if (value === undefined) return null;
  if (value.kind !== "array") {
    throw invalidHeader("unacceptable_type_in_header", name, fieldTypeName(value));
  }
  const keys: string[] = [];
  for (const item of value.value) {
    if (item.kind !== "string") continue;
    // The header is a table and may hold longer ones; a routing key is a short string wherever it goes.
    if (isLongerThan(item.value, nameBytesMax)) throw invalidHeader("value_too_long", name, item.value.length);
    keys.push(item.value);
  }
  return keys;
}

function invalidHeader(problem: string, name: string, what: string | number): AmqpError {
  return new AmqpError(replyCodes.preconditionFailed, `invalid message: {${problem},"${name}",${what}}`);
}

/** The routes that CC and BCC add. Throws 406 where a header is not an array, or its keys are too long or too many. */
export function copyRoutes(properties: Properties, channel: Channel, exchange: string): CopyRoutes {
  const headers = properties.headers;
  if (headers === undefined) return none;
  const visible = keysOf(headers, "CC");
  const blind = keysOf(headers, "BCC");
  const count = (visible?.length ?? 0) + (blind?.length ?? 0);
  if (count > copyKeysMax) throw invalidHeader("too_many_keys", "BCC", count);
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
