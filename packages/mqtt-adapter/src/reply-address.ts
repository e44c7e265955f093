import { keyOfTopic, percentDecoded, topicIsPlain, topicOfKey } from "@jackalope/core/adapter";

/**
 * Response topics and reply addresses. A neutral `replyTo` is what an AMQP program publishes its reply to: the name of a
 * queue, or one of the paths that the default exchange understands (`/topic/KEY`, `/mqtt/TOPIC`, …). An MQTT client can
 * only publish to topics, so queues and the other paths are topics below `$reply-to/` for it:
 *
 *     response topic               replyTo
 *     answers/7                    /topic/answers.7
 *     answers/v1.2                 /mqtt/answers/v1.2        its key would not tell the topic
 *     answers/7                    /mqtt/answers/7           where topics are keys of another exchange than amq.topic
 *     $reply-to/amq.gen-Xa2        amq.gen-Xa2
 *     $reply-to//queue/answers     /queue/answers
 */
const replyTopicPrefix = "$reply-to/";

const keyPath = "/topic/";
const topicPath = "/mqtt/";

/** True while `/topic/`, which is `amq.topic` whatever MQTT's exchange is, leads where MQTT's topics do. */
let keyPathsAreTopics = true;

/**
 * For an adapter whose exchange is not `amq.topic`. From then on every response topic is written as `/mqtt/TOPIC`, which
 * leads to the exchange of whichever broker is asked, and `/topic/KEY` is a path like others. That holds for all brokers of
 * the process: the properties of a message do not know which one has it, and this form is right for each of them.
 */
export function writeTopicPathsOnly(): void {
  keyPathsAreTopics = false;
}

/** Characters that no topic name may hold, and the one that escapes them. */
const escaped = /[%+#\0]/g;
const escapes: Readonly<Record<string, string>> = { "%": "%25", "+": "%2B", "#": "%23", "\0": "%00" };

function percentEncoded(text: string): string {
  return text.replace(escaped, (character) => escapes[character] ?? "");
}

/** The routing key for the default exchange of a PUBLISH to `topic`; null where the topic is no reply address. */
export function replyKeyOfTopic(topic: string): string | null {
  return topic.startsWith(replyTopicPrefix) ? percentDecoded(topic.slice(replyTopicPrefix.length)) : null;
}

/** The response topic that stands for a reply address, null where there is none to reply to. */
export function responseTopicOf(replyTo: string): string | null {
  if (replyTo === "") return null;
  if (replyTo.startsWith(topicPath)) {
    const topic = replyTo.slice(topicPath.length);
    if (topic !== "" && !/[+#\0]/.test(topic)) return topic;
  } else if (keyPathsAreTopics && replyTo.startsWith(keyPath)) {
    const path = replyTo.slice(keyPath.length);
    const key = percentDecoded(path);
    const topic = topicOfKey(key);
    if (key !== "" && !path.includes("/") && keyOfTopic(topic) === key) return topic;
  }
  return replyTopicPrefix + percentEncoded(replyTo);
}

/** The reply address that stands for a response topic; `responseTopicOf` leads back to exactly this topic. */
export function replyToOf(topic: string): string {
  const name = replyKeyOfTopic(topic);
  if (name !== null && responseTopicOf(name) === topic) return name;
  if (keyPathsAreTopics && topicIsPlain(topic)) {
    const path = keyPath + keyOfTopic(topic).replaceAll("%", "%25");
    if (responseTopicOf(path) === topic) return path;
  }
  return topicPath + topic;
}
