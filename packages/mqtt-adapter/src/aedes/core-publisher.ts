import {
  type ClientConnection,
  keyOfTopic,
  type Lsn,
  PublishResult,
  type Queue,
  Route,
  topicOfKey,
} from "@jackalope/core/adapter";
import { replyKeyOfTopic } from "../reply-address.ts";
import type { EmitterMessage } from "./packet.ts";
import { messageOf } from "./packet-message.ts";

/** What aedes tells about itself: for MQTT's subscribers alone. */
export const systemPrefix = "$SYS/";

/** The route of a topic on a topic exchange, unresolved. */
export function topicRoute(exchange: string, topic: string): Route {
  return new Route(exchange, keyOfTopic(topic), exactTopicOf(topic));
}

/** The topic where its routing key does not tell it, null otherwise. */
function exactTopicOf(topic: string): string | null {
  return topicOfKey(keyOfTopic(topic)) === topic ? null : topic;
}

/** The route of a topic for a client. Throws BrokerError where the client may not publish there. */
export function clientRoute(client: ClientConnection, exchange: string, topic: string): Route {
  const replyKey = replyKeyOfTopic(topic);
  if (replyKey !== null) return client.publishing.route("", replyKey);
  return client.publishing.route(exchange, keyOfTopic(topic), exactTopicOf(topic));
}

/** Publishes what an emitter emits: to every queue but the emitter's own, whose listeners have it already. */
export class CorePublisher {
  readonly #exchange: string;
  readonly #own: Queue;

  constructor(exchange: string, own: Queue) {
    this.#exchange = exchange;
    this.#own = own;
  }

  /**
   * Publishes for `client`. Returns the Lsn at which the message is durable, 0 where no queue stores it. Throws
   * BrokerError where the client may not, and Error where a full queue refused.
   */
  publish(topic: string, packet: EmitterMessage, client: ClientConnection): Lsn {
    const host = client.virtualHost;
    const isSystem = topic.startsWith(systemPrefix);
    const route = isSystem ? topicRoute(this.#exchange, topic) : clientRoute(client, this.#exchange, topic);
    const message = messageOf(route, packet, client.origin);
    const all = isSystem ? host.topicTargets(this.#exchange, topic) : host.targets(route, message, undefined);
    const targets = all.includes(this.#own) ? all.filter((queue) => queue !== this.#own) : all;
    if (!isSystem) {
      host.totals.published++;
      if (all.length === 0) host.totals.dropped.unroutable++;
    }
    if (targets.length === 0) return 0;
    const result = host.publishTo(targets, message);
    if ((result & PublishResult.rejected) !== 0) throw new Error(`a full queue refused a message to '${topic}'`);
    return message.lsn;
  }
}
