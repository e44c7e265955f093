import { fixedAmqpLimits } from "@jackalope/amqp-adapter";
import { fixedLimits } from "@jackalope/core";
import { fixedMqttLimits } from "@jackalope/mqtt-adapter";
import { fixedStompLimits } from "@jackalope/stomp-adapter";
import type { LimitRows } from "./limit-row.ts";

type FixedLimits = typeof fixedLimits & typeof fixedAmqpLimits & typeof fixedStompLimits & typeof fixedMqttLimits;

/** Bounds that nobody can set. */
export const fixedValues: FixedLimits = {
  ...fixedLimits,
  ...fixedAmqpLimits,
  ...fixedStompLimits,
  ...fixedMqttLimits,
};

/** What they are; the compiler asks for each. */
export const fixedRows: LimitRows<FixedLimits> = {
  nameBytesMax: {
    shown: "255 bytes",
    counts:
      "names of exchanges and queues, routing and binding keys, consumer tags of AMQP and STOMP; `x-dead-letter-exchange`, `x-dead-letter-routing-key`, `alternate-exchange`; each key of CC and BCC",
    atBound: "406; ERROR",
  },
  topicBytesMax: {
    shown: "65,535 bytes",
    counts: "topics and topic filters of MQTT, and the routing keys that they are to other protocols",
    atBound: "no packet can hold more; 406; ERROR",
  },
  copyKeysMax: { counts: "keys in CC and BCC of a message together", atBound: "406, channel closed" },
  topicLevelsMax: {
    counts: "levels of a topic filter, words of a binding key of a topic exchange",
    atBound: "406; ERROR; SUBACK 0x8F",
  },
  headersFieldsMax: { counts: "arguments of a binding to a headers exchange", atBound: "406" },
  prioritiesMax: { counts: "`x-max-priority` of a queue", atBound: "406" },
  deathsMax: {
    counts: "pairs of queue and reason in a message's history of dead-lettering",
    atBound: "the message is dropped",
  },
  expiryMsMax: { shown: "10 years", counts: "a TTL, an expiration, the expiry of a queue", atBound: "406; ERROR" },
  patternLengthMax: { counts: "characters of a permission pattern", atBound: "the permission is refused" },
  patternStepsMax: {
    counts: "steps of a permission pattern, with repetitions written out",
    atBound: "the permission is refused",
  },
  topicPatternsMax: { counts: "compiled topic patterns of a user", atBound: "they are compiled again" },
  fieldDepthMax: {
    counts: "AMQP tables and arrays inside one another",
    atBound: "502, connection closed",
  },
  selectorDepthMax: {
    counts: "parentheses, NOTs and signs of a selector inside one another",
    atBound: "ERROR, connection closed",
  },
  selectorLikeWorkMax: {
    counts:
      "characters that the LIKEs of a selector look at in one message, together; each again for every 32 of a pattern with `_`",
    atBound: "the LIKE is unknown, so the message does not match by it",
  },
  selectorLikesMax: { counts: "LIKEs of a selector", atBound: "ERROR, connection closed" },
  subscribeFiltersMax: { counts: "topic filters of a SUBSCRIBE or UNSUBSCRIBE", atBound: "DISCONNECT 0x97" },
  packetPropertiesMax: {
    counts: "properties of an MQTT packet other than PUBLISH",
    atBound: "CONNACK or DISCONNECT 0x97",
  },
};
