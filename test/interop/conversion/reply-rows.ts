import { noProperties, type Row } from "./rows.ts";

const stays = "as it was sent";

/** Where answers go. An AMQP program publishes them to the default exchange, with what it finds in `reply-to` as key. */
export const replyRows: readonly Row[] = [
  {
    title: "Reply to a queue",
    sent: {
      amqp: { "reply-to": "answers" },
      stomp: { "reply-to": "/reply-queue/answers" },
      mqtt5: { "Response Topic": "$reply-to/answers" },
      mqtt311: noProperties,
    },
    arrives: {
      amqp: { "reply-to": "answers" },
      stomp: { "reply-to": "/reply-queue/answers" },
      mqtt5: { "Response Topic": "$reply-to/answers" },
      mqtt311: noProperties,
    },
    exceptions: [
      {
        from: ["mqtt5"],
        to: "amqp",
        arrives: { "reply-to": "answers", "header x-reply-to-topic": "$reply-to.answers" },
        remark: "the routing key of the response topic, as RabbitMQ says it",
      },
      {
        from: ["mqtt5"],
        to: "stomp",
        arrives: { "reply-to": "/reply-queue/answers", "x-reply-to-topic": "$reply-to.answers" },
      },
    ],
    remark: "MQTT clients publish to `$reply-to/` and the name of a queue to put a message into that queue.",
  },
  {
    title: "Reply to a topic",
    sent: {
      amqp: { "reply-to": "/topic/answers.7" },
      stomp: { "reply-to": "/topic/answers.7" },
      mqtt5: { "Response Topic": "answers/7" },
      mqtt311: noProperties,
    },
    arrives: {
      amqp: { "reply-to": "/topic/answers.7" },
      stomp: { "reply-to": "/topic/answers.7" },
      mqtt5: { "Response Topic": "answers/7" },
      mqtt311: noProperties,
    },
    exceptions: [
      {
        from: ["mqtt5"],
        to: "amqp",
        arrives: { "reply-to": "/topic/answers.7", "header x-reply-to-topic": "answers.7" },
      },
      {
        from: ["mqtt5"],
        to: "stomp",
        arrives: { "reply-to": "/topic/answers.7", "x-reply-to-topic": "answers.7" },
      },
    ],
    remark: "The default exchange leads such keys to the topic, so an AMQP program answers as it always does.",
  },
  {
    title: "Reply to a topic that its routing key does not tell",
    sent: {
      amqp: { "reply-to": "/mqtt/answers/v1.2" },
      stomp: { "reply-to": "/mqtt/answers/v1.2" },
      mqtt5: { "Response Topic": "answers/v1.2" },
      mqtt311: noProperties,
    },
    arrives: {
      amqp: { "reply-to": "/mqtt/answers/v1.2" },
      stomp: { "reply-to": "/mqtt/answers/v1.2" },
      mqtt5: { "Response Topic": "answers/v1.2" },
      mqtt311: noProperties,
    },
    exceptions: [
      {
        from: ["mqtt5"],
        to: "amqp",
        arrives: { "reply-to": "/mqtt/answers/v1.2", "header x-reply-to-topic": "answers.v1.2" },
      },
      {
        from: ["mqtt5"],
        to: "stomp",
        arrives: { "reply-to": "/mqtt/answers/v1.2", "x-reply-to-topic": "answers.v1.2" },
      },
    ],
  },
  {
    title: "Reply to an exchange",
    sent: {
      amqp: { "reply-to": "/exchange/orders/new" },
      stomp: { "reply-to": "/exchange/orders/new" },
      mqtt5: { "Response Topic": "$reply-to//exchange/orders/new" },
      mqtt311: noProperties,
    },
    arrives: {
      amqp: { "reply-to": "/exchange/orders/new" },
      stomp: { "reply-to": "/exchange/orders/new" },
      mqtt5: { "Response Topic": "$reply-to//exchange/orders/new" },
      mqtt311: noProperties,
    },
    exceptions: [
      {
        from: ["mqtt5"],
        to: "amqp",
        arrives: {
          "reply-to": "/exchange/orders/new",
          "header x-reply-to-topic": "$reply-to..exchange.orders.new",
        },
      },
      {
        from: ["mqtt5"],
        to: "stomp",
        arrives: { "reply-to": "/exchange/orders/new", "x-reply-to-topic": "$reply-to..exchange.orders.new" },
      },
    ],
  },
  {
    title: "RabbitMQ's header for a response topic",
    sent: {
      amqp: { "header x-reply-to-topic": "answers.7" },
      stomp: { "x-reply-to-topic": "answers.7" },
      mqtt5: stays,
      mqtt311: noProperties,
    },
    arrives: {
      amqp: { "header x-reply-to-topic": "answers.7" },
      stomp: { "x-reply-to-topic": "answers.7" },
      mqtt5: { "Response Topic": "answers/7" },
      mqtt311: noProperties,
    },
    remark: "Only where there is no `reply-to`.",
  },
];
