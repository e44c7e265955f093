import type { Exchange } from "./exchange/exchange.ts";
import { nameBytesMax } from "./name-bounds.ts";
import type { Queue } from "./queue/queue.ts";

/**
 * Where a message was published to: exchange and routing key, and, while the topology stands still, the queues that
 * they lead to. A publisher repeats itself, so adapters keep the Route of the last publish (and a few more) and pay for
 * no lookup while `version` matches the virtual host's.
 */
export class Route {
  readonly exchange: string;
  readonly routingKey: string;
  /** The exact MQTT topic where the key does not tell it (it has dots of its own), null otherwise. */
  readonly topic: string | null;
  /**
   * Memory of a long key, as text and on the wire, about; 0 for a key that AMQP could carry. Each message of the route
   * weighs so much more: it may be the only one that still keeps the route, and nobody counts who shares it.
   */
  readonly longKeyBytes: number;
  /** The adapter's encoding of exchange and routing key for delivery, built once a route. */
  wire: Uint8Array | null = null;
  /** As `wire`, for protocols that write both as one path: STOMP's destination header. */
  destination: Uint8Array | null = null;
  /** As `wire`, for MQTT: the topic as it stands in PUBLISH. */
  topicWire: Uint8Array | null = null;
  /** The virtual host's topology version that `source` and `targets` belong to; -1 is unresolved. */
  version = -1;
  source: Exchange | null = null;
  /** Null where the targets depend on the headers of each message. */
  targets: readonly Queue[] | null = null;

  constructor(exchange: string, routingKey: string, topic: string | null = null) {
    this.exchange = exchange;
    this.routingKey = routingKey;
    this.topic = topic;
    this.longKeyBytes = routingKey.length > nameBytesMax ? 2 * routingKey.length + (topic?.length ?? 0) : 0;
  }
}
