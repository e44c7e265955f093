import { type Row } from "./rows.ts";

const noRetained = "only MQTT keeps messages";
const noQos = "acknowledgements are the receiver's choice";

/** How safely a message travels. */
export const deliveryRows: readonly Row[] = [
  {
    title: "Persistent, QoS 1",
    sent: {
      amqp: { "delivery-mode": 2 },
      stomp: { persistent: "true" },
      mqtt5: { QoS: 1 },
      mqtt311: { QoS: 1 },
    },
    arrives: {
      amqp: { "delivery-mode": 2 },
      stomp: { persistent: "true" },
      mqtt5: { QoS: 1 },
      mqtt311: { QoS: 1 },
    },
    remark: "An MQTT subscription gets no more than its own QoS.",
  },
  {
    title: "Transient, QoS 0",
    sent: {
      amqp: { "delivery-mode": 1 },
      stomp: { persistent: "false" },
      mqtt5: { QoS: 0 },
      mqtt311: { QoS: 0 },
    },
    arrives: {
      amqp: { "delivery-mode": 1 },
      stomp: {},
      mqtt5: { QoS: 0 },
      mqtt311: { QoS: 0 },
    },
    exceptions: [
      { from: ["stomp"], to: "amqp", arrives: {}, remark: "STOMP has no word for it: the property is left out" },
      { from: ["stomp"], to: "stomp", arrives: { persistent: "false" }, remark: "every header as it was sent" },
    ],
  },
  {
    title: "QoS 2",
    sent: { amqp: noQos, stomp: noQos, mqtt5: { QoS: 2 }, mqtt311: { QoS: 2 } },
    arrives: {
      amqp: { "delivery-mode": 2, "header x-mqtt-qos": 2 },
      stomp: { persistent: "true", "x-mqtt-qos": "2" },
      mqtt5: { QoS: 2 },
      mqtt311: { QoS: 2 },
    },
    remark: "AMQP and STOMP cannot ask for it: what they send arrives with QoS 1 at the most.",
  },
  {
    title: "RETAIN",
    sent: { amqp: noRetained, stomp: noRetained, mqtt5: { RETAIN: true }, mqtt311: { RETAIN: true } },
    arrives: {
      amqp: { "header x-mqtt-retain": true },
      stomp: { "x-mqtt-retain": "true" },
      mqtt5: {},
      mqtt311: {},
    },
    remark:
      "Subscribers that were there get the message without the flag, unless they ask for it (retain as published); later ones get the kept message with it. Nothing of AMQP or STOMP is kept.",
  },
];
