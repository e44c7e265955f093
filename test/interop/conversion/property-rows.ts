import { noProperties, type Row } from "./rows.ts";

/** A row of a property that AMQP and STOMP have and MQTT 5 carries as a user property. */
function carried(title: string, amqp: string, stomp: string, userProperty: string, value: string | number): Row {
  const text = String(value);
  const said = {
    amqp: { [amqp]: value },
    stomp: { [stomp]: text },
    mqtt5: { [`User Property ${userProperty}`]: text },
    mqtt311: noProperties,
  };
  return { title, sent: said, arrives: said };
}

/** The same in every protocol but MQTT 3.1.1. */
function everywhere(title: string, said: Pick<Row["sent"], "amqp" | "stomp" | "mqtt5">, more: Partial<Row> = {}): Row {
  const all = { ...said, mqtt311: noProperties };
  return { title, sent: all, arrives: all, ...more };
}

const only5 = "only MQTT 5 has it";

/** Properties of a message, one for one. */
export const propertyRows: readonly Row[] = [
  {
    title: "Nothing but a body",
    sent: { amqp: {}, stomp: {}, mqtt5: {}, mqtt311: {} },
    arrives: { amqp: {}, stomp: {}, mqtt5: {}, mqtt311: {} },
    remark:
      "AMQP gets `delivery-mode: 1` from MQTT, and none from STOMP, as RabbitMQ has it. MQTT gets QoS 0. All messages below that do not say otherwise have this too.",
  },
  everywhere("Content type", {
    amqp: { "content-type": "text/plain" },
    stomp: { "content-type": "text/plain" },
    mqtt5: { "Content Type": "text/plain" },
  }),
  carried("Content encoding", "content-encoding", "content-encoding", "amqp.content-encoding", "gzip"),
  everywhere("Correlation, as text", {
    amqp: { "correlation-id": "c:1" },
    stomp: { "correlation-id": "c:1" },
    mqtt5: { "Correlation Data": { hex: "633a31" } },
  }),
  {
    title: "Correlation, as bytes that are no text",
    sent: {
      amqp: { "header x-correlation-id": { hex: "00ff10" } },
      stomp: "headers are text",
      mqtt5: { "Correlation Data": { hex: "00ff10" } },
      mqtt311: noProperties,
    },
    arrives: {
      amqp: { "header x-correlation-id": { hex: "00ff10" } },
      stomp: { "x-correlation-id": "AP8Q" },
      mqtt5: { "Correlation Data": { hex: "00ff10" } },
      mqtt311: noProperties,
    },
    remark: "Also text of more than 255 bytes, which `correlation-id` cannot hold; as text, then. STOMP gets base64.",
  },
  {
    title: "Expiry",
    sent: {
      amqp: { expiration: "60000" },
      stomp: { expiration: "60000" },
      mqtt5: { "Message Expiry Interval": 60 },
      mqtt311: noProperties,
    },
    arrives: {
      amqp: { expiration: "60000" },
      stomp: { expiration: "60000" },
      mqtt5: { "Message Expiry Interval": { atMost: 60 } },
      mqtt311: noProperties,
    },
    remark:
      "MQTT 5 gets the seconds that are left, AMQP and STOMP what the sender said, in milliseconds. The message runs out for all of them, MQTT 3.1.1 too.",
  },
  everywhere(
    "Expiry in parts of a second",
    {
      amqp: { expiration: "59001" },
      stomp: { expiration: "59001" },
      mqtt5: { "Message Expiry Interval": { atMost: 60 } },
    },
    {
      sent: {
        amqp: { expiration: "59001" },
        stomp: { expiration: "59001" },
        mqtt5: "whole seconds",
        mqtt311: noProperties,
      },
      remark: "Rounded up for MQTT: a message must not run out early.",
    },
  ),
  carried("Priority", "priority", "priority", "amqp.priority", 7),
  carried("Message id", "message-id", "amqp-message-id", "amqp.message-id", "m-1"),
  carried("Timestamp", "timestamp", "timestamp", "amqp.timestamp", 1_700_000_000),
  carried("Type", "type", "type", "amqp.type", "order"),
  carried("Application", "app-id", "app-id", "amqp.app-id", "shop"),
  {
    title: "User",
    sent: {
      amqp: { "user-id": "guest" },
      stomp: { "user-id": "guest" },
      mqtt5: "nobody could check it",
      mqtt311: noProperties,
    },
    arrives: {
      amqp: { "user-id": "guest" },
      stomp: { "user-id": "guest" },
      mqtt5: { "User Property amqp.user-id": "guest" },
      mqtt311: noProperties,
    },
    remark:
      "The broker has checked that it is the sender's own name. A user property `amqp.user-id` from MQTT is an ordinary header to the others, so that nobody can pass for another.",
  },
  {
    title: "A user property with the name of the user",
    sent: {
      amqp: { "header amqp.user-id": "root" },
      stomp: { "amqp.user-id": "root" },
      mqtt5: { "User Property amqp.user-id": "root" },
      mqtt311: noProperties,
    },
    arrives: {
      amqp: { "header amqp.user-id": "root" },
      stomp: { "amqp.user-id": "root" },
      mqtt5: { "User Property amqp.user-id": "root" },
      mqtt311: noProperties,
    },
  },
  {
    title: "Payload format",
    sent: {
      amqp: { "header x-mqtt-payload-format": "utf-8" },
      stomp: { "x-mqtt-payload-format": "utf-8" },
      mqtt5: { "Payload Format Indicator": true },
      mqtt311: noProperties,
    },
    arrives: {
      amqp: { "header x-mqtt-payload-format": "utf-8" },
      stomp: { "x-mqtt-payload-format": "utf-8" },
      mqtt5: { "Payload Format Indicator": true },
      mqtt311: noProperties,
    },
  },
  {
    title: "Topic alias, DUP and subscription identifiers",
    sent: { amqp: only5, stomp: only5, mqtt5: only5, mqtt311: noProperties },
    arrives: { amqp: only5, stomp: only5, mqtt5: only5, mqtt311: noProperties },
    remark: "They belong to one connection, and stay with it; a subscriber's own identifiers come with what it gets.",
  },
];
