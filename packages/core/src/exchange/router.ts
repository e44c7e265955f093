import { emptyFieldTable, type FieldTable } from "../field-value.ts";
import type { Queue } from "../queue/queue.ts";
import type { Destination } from "./binding.ts";
import type { Exchange } from "./exchange.ts";

/** What the router needs of a virtual host. */
export interface RoutingTable {
  exchange(name: string): Exchange | undefined;
  queue(name: string): Queue | undefined;
}

/** The outcome of following the bindings for one message. */
export interface Routing {
  readonly queues: Set<Queue>;
  /** True where an exchange on the way looked at headers, so that the outcome holds for this message only. */
  readsHeaders: boolean;
  /** Bindings that were compared with the message one by one. */
  compared: number;
}

/** An empty outcome to route into. */
export function newRouting(): Routing {
  return { queues: new Set(), readsHeaders: false, compared: 0 };
}

/**
 * Follows the bindings from `source` for all of `routingKeys` and adds the queues to `into`. Bindings between exchanges
 * may run in cycles: each exchange is visited once. Where an exchange leads nowhere, by none of the keys, its alternate
 * exchange is asked, and so on. The default exchange leads to the queues that the keys name. `topic` is the exact MQTT
 * topic behind the first key, where the key does not tell it.
 */
export function routeInto(
  table: RoutingTable,
  source: Exchange,
  routingKeys: readonly string[],
  headers: () => FieldTable,
  into: Routing,
  topic: string | null = null,
): void {
  const visited = new Set<Exchange>();
  const pending: Exchange[] = [source];
  for (let exchange = pending.pop(); exchange !== undefined; exchange = pending.pop()) {
    if (visited.has(exchange)) continue;
    visited.add(exchange);
    let led = false;
    for (let index = 0; index < routingKeys.length; index++) {
      const subject = { key: routingKeys[index] as string, topic: index === 0 ? topic : null };
      led = follow(table, exchange, subject, headers, into, pending) || led;
    }
    if (!led && exchange.alternate !== null) {
      const alternate = table.exchange(exchange.alternate);
      if (alternate !== undefined) pending.push(alternate);
    }
  }
}

interface Subject {
  readonly key: string;
  readonly topic: string | null;
}

/** One exchange's step for one key; true where it led anywhere. */
function follow(
  table: RoutingTable,
  exchange: Exchange,
  subject: Subject,
  headers: () => FieldTable,
  into: Routing,
  pending: Exchange[],
): boolean {
  if (exchange.name === "") {
    const queue = table.queue(subject.key);
    if (queue !== undefined) into.queues.add(queue);
    return queue !== undefined;
  }
  let led = false;
  const found = (destination: Destination): void => {
    // Its bindings are being taken out.
    if (destination.deleted) return;
    led = true;
    if (destination.kind === "queue") into.queues.add(destination);
    else pending.push(destination);
  };
  if (exchange.matcher.readsHeaders) into.readsHeaders = true;
  const { matcher } = exchange;
  matcher.match(subject.key, matcher.readsHeaders ? headers() : emptyFieldTable, found, subject.topic);
  into.compared += matcher.compared;
  return led;
}
