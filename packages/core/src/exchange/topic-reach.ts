import type { User } from "../auth/user.ts";
import { emptyFieldTable } from "../field-value.ts";
import type { Destination } from "./binding.ts";
import type { Exchange } from "./exchange.ts";
import type { RoutingTable } from "./router.ts";

/** A message on its way, as far as topic permissions look at it. */
export interface TopicSubject {
  readonly virtualHost: string;
  readonly routingKey: string;
  /** As `Route.topic`. */
  readonly topic: string | null;
  /** MQTT's client id, empty for others. */
  readonly clientId: string;
}

/**
 * The topic exchange that a message of `user` must not reach with its key, null where there is none. RabbitMQ asks for the
 * exchange that is published to and no other; but then a binding between exchanges or an alternate exchange would be a way
 * around the permission, and what MQTT clients see of each other is that permission alone. So every topic exchange is asked
 * that the message comes to from `source`. Behind a headers exchange that is every one that is bound, whatever the headers.
 */
export function forbiddenTopicExchange(
  table: RoutingTable,
  user: User,
  source: Exchange,
  subject: TopicSubject,
): Exchange | null {
  const { virtualHost, routingKey, clientId } = subject;
  // The usual user has no topic permissions, and may use every topic.
  if (user.topicPermissions(virtualHost).size === 0) return null;
  const visited = new Set<Exchange>();
  const pending: Exchange[] = [source];
  for (let exchange = pending.pop(); exchange !== undefined; exchange = pending.pop()) {
    if (visited.has(exchange)) continue;
    visited.add(exchange);
    const isTopic = exchange.type === "topic";
    if (isTopic && !user.mayUseTopic("write", virtualHost, exchange.name, routingKey, clientId)) return exchange;
    const led = follow(table, exchange, subject, pending);
    const alternate = led || exchange.alternate === null ? undefined : table.exchange(exchange.alternate);
    if (alternate !== undefined) pending.push(alternate);
  }
  return null;
}

/** Adds the exchanges that come next; false where the message may lead nowhere from here. */
function follow(table: RoutingTable, exchange: Exchange, subject: TopicSubject, pending: Exchange[]): boolean {
  if (exchange.name === "") return table.queue(subject.routingKey) !== undefined;
  const { matcher } = exchange;
  if (matcher.readsHeaders) {
    for (const { destination } of exchange.bindings.values())
      if (destination.kind === "exchange") pending.push(destination);
    return false;
  }
  let led = false;
  const found = (destination: Destination): void => {
    led = true;
    if (destination.kind === "exchange") pending.push(destination);
  };
  matcher.match(subject.routingKey, emptyFieldTable, found, subject.topic);
  return led;
}
