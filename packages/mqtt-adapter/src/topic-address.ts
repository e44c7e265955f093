import { keyOfTopic, topicIsPlain } from "@jackalope/core/adapter";
import { exactTopicProperty } from "./private-properties.ts";
import { replyKeyOfTopic } from "./reply-address.ts";

/** Where a publish to a topic goes. */
export interface TopicAddress {
  readonly exchange: string;
  readonly routingKey: string;
  /** The topic where the key does not tell it, null otherwise; as `Route.topic`. */
  readonly exact: string | null;
}

/** The address of `topic` on the topic exchange `exchange`, or, of a reply topic, on the default exchange. */
export function addressOfTopic(topic: string, exchange: string): TopicAddress {
  const reply = replyKeyOfTopic(topic);
  if (reply !== null) return { exchange: "", routingKey: reply, exact: null };
  return { exchange, routingKey: keyOfTopic(topic), exact: topicIsPlain(topic) ? null : topic };
}

/** The property that carries a topic which the routing key does not tell. */
export function exactTopicBytes(topic: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(exactTopicProperty, topic.length >> 8, topic.length), topic]);
}
