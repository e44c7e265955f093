import { type ClientConnection, keyOfFilter } from "@jackalope/core/adapter";
import { checkTopicFilter } from "../topic-rules.ts";
import { clientRoute, systemPrefix } from "./core-publisher.ts";

/** Throws where a client may not publish to a topic. */
export function checkPublish(client: ClientConnection, exchange: string, topic: string): void {
  if (topic.startsWith(systemPrefix)) throw new Error(`${systemPrefix} is the server's own`);
  clientRoute(client, exchange, topic);
}

/**
 * Why a client may not subscribe to a filter, null where it may. It needs what the native engine asks for: a queue of its
 * own, which it declares, binds and reads, and to read the exchange and the topic.
 */
export function subscriptionRefusal(
  client: ClientConnection,
  exchange: string,
  clientId: string,
  filter: string,
): string | null {
  const { user, virtualHost } = client;
  const queue = `mqtt-subscription-${clientId}`;
  for (const permission of ["configure", "write", "read"] as const) {
    if (!user.may(permission, virtualHost.name, queue)) return `${permission} access to queue '${queue}' refused`;
  }
  if (!user.may("read", virtualHost.name, exchange)) return `read access to exchange '${exchange}' refused`;
  const key = keyOfFilter(filter);
  if (!user.mayUseTopic("read", virtualHost.name, exchange, key, clientId)) return `read access to '${key}' refused`;
  try {
    checkTopicFilter(filter);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
