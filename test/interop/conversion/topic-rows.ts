/** How one address is called in each protocol. */
export interface TopicRow {
  readonly title: string;
  /** The MQTT topic; all of them stand below a name of the test's own. */
  readonly topic: string;
  /** The routing key on `amq.topic`. */
  readonly key: string;
  /** The destination of STOMP behind `/topic/`. */
  readonly destination: string;
  /** The topic that MQTT gets of what AMQP or STOMP sent to the key; the same where it is null. */
  readonly topicOfKey: string | null;
  /** True where AMQP and STOMP find the exact topic in the header `x-mqtt-topic`. */
  readonly hasHeader: boolean;
}

export const topicRows: readonly TopicRow[] = [
  { title: "Levels", topic: "a/b", key: "a.b", destination: "a.b", topicOfKey: null, hasHeader: false },
  {
    title: "A dot",
    topic: "v1.2/x",
    key: "v1.2.x",
    destination: "v1.2.x",
    topicOfKey: "v1/2/x",
    hasHeader: true,
  },
  { title: "An asterisk", topic: "a/*", key: "a.*", destination: "a.*", topicOfKey: null, hasHeader: false },
  { title: "Empty levels", topic: "/a//b/", key: ".a..b.", destination: ".a..b.", topicOfKey: null, hasHeader: false },
  {
    title: "Characters that STOMP escapes",
    topic: "ü %/x",
    key: "ü %.x",
    destination: "%C3%BC %25.x",
    topicOfKey: null,
    hasHeader: false,
  },
];
