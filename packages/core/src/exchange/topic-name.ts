/**
 * MQTT topics and AMQP routing keys: `a/b` is `a.b`, as in RabbitMQ. Not every topic can be told from its key (`a.b/c`
 * and `a/b/c` have the same one), so a message whose topic cannot keeps it beside the key (`Route.topic`).
 */

/** What an AMQP key may hold and a topic name must not: the wildcards and NUL ([MQTT-4.7.1-1], [MQTT-1.5.4-2]). */
const forbidden = /[+#\0]/g;
const escapes: Readonly<Record<string, string>> = { "+": "%2B", "#": "%23", "\0": "%00" };

/**
 * Levels of a topic filter, and words of a binding key of a topic exchange, at most: matching goes as deep as they do.
 * Topics and routing keys may have more.
 */
export const topicLevelsMax = 256;

/** The routing key of a topic: every `/` becomes a dot. */
export function keyOfTopic(topic: string): string {
  return topic.replaceAll("/", ".");
}

/** The binding key of a topic filter, which AMQP people see: `/` becomes a dot, `+` a star. */
export function keyOfFilter(filter: string): string {
  return filter.replaceAll("/", ".").replaceAll("+", "*");
}

/**
 * The topic of a routing key: every dot becomes a `/`. Characters that no topic name may hold are percent-encoded, and
 * the empty key, as a topic has at least one character ([MQTT-4.7.3-1]), is `/`.
 */
export function topicOfKey(key: string): string {
  if (key === "") return "/";
  const topic = key.replaceAll(".", "/");
  return topic.search(forbidden) < 0 ? topic : topic.replace(forbidden, (character) => escapes[character] ?? "");
}

/** True where the key alone tells the topic. */
export function topicIsPlain(topic: string): boolean {
  return !topic.includes(".");
}
