import { keyOfTopic, topicIsPlain } from "./exchange/topic-name.ts";
import { percentDecoded } from "./percent-encoding.ts";

/** Where a reply goes. */
export interface ReplyAddress {
  readonly exchange: string;
  readonly routingKey: string;
  /** As `Route.topic`. */
  readonly topic: string | null;
}

/** The exchange behind `/topic/`, and that of MQTT's topics where no setting says otherwise. */
export const topicExchange = "amq.topic";

/**
 * Reply addresses that are no queue names: STOMP destinations, and MQTT topics as the MQTT adapter writes them for other
 * protocols. An AMQP program answers by publishing to the default exchange with the request's reply_to as key, so these
 * lead there as well, and requests of every protocol can be answered by programs that know nothing of it:
 *
 *     /topic/KEY   /queue/NAME   /amq/queue/NAME   /exchange/NAME/KEY      percent escapes as in STOMP
 *     /mqtt/TOPIC                                                          as it stands
 *
 * `mqttExchange` is the one that MQTT's topics are routing keys of. Null for any other text.
 */
export function parseReplyPath(path: string, mqttExchange: string): ReplyAddress | null {
  const match = /^\/(topic|queue|amq\/queue|exchange|mqtt)\/(.+)$/s.exec(path);
  if (match === null) return null;
  const [, kind, rest = ""] = match;
  if (kind === "mqtt") {
    return { exchange: mqttExchange, routingKey: keyOfTopic(rest), topic: topicIsPlain(rest) ? null : rest };
  }
  const parts = rest.split("/");
  const [first = "", second = ""] = parts.map(percentDecoded);
  if (kind === "exchange") return parts.length > 2 ? null : { exchange: first, routingKey: second, topic: null };
  if (parts.length > 1) return null;
  return { exchange: kind === "topic" ? topicExchange : "", routingKey: first, topic: null };
}
