import type { LoadOptions } from "../generator.ts";
import { closedLoop, deliveryRow, interleaved } from "../interleaved.ts";
import type { PeerName } from "../peer.ts";
import { type Check, ratioCheck, type Row } from "../row.ts";
import type { Scenario } from "../scenario.ts";

/** A shape of load over MQTT 3.1.1, clean sessions, on the peers that can do it. */
function shape(
  name: string,
  title: string,
  peers: readonly PeerName[],
  options: LoadOptions,
  checks: (figures: Row["figures"]) => readonly Check[],
): Scenario {
  return {
    name,
    title,
    async run(bench) {
      const outcomes = await interleaved(bench, title, peers, { ...closedLoop(bench), protocol: "mqtt", ...options });
      return [deliveryRow(title, outcomes, checks)];
    },
  };
}

const brokers: readonly PeerName[] = ["rabbitmq", "mosquitto", "aedes", "jackalope"];
const withRuler: readonly PeerName[] = ["ruler", ...brokers];
/** RabbitMQ takes QoS 2 for QoS 1. */
const exactlyOnce: readonly PeerName[] = ["mosquitto", "aedes", "jackalope"];

const timesMosquitto =
  (bound: number) =>
  (figures: Row["figures"]): Check[] => [ratioCheck(figures, "mosquitto", bound)];

export const mqttQos0: Scenario = shape("mqtt-qos0", "MQTT: QoS 0, 1 to 1", withRuler, {}, (figures) => [
  ratioCheck(figures, "mosquitto", 5),
  ratioCheck(figures, "ruler", 0.4),
]);

/** One publisher, subscribers of one topic; counts deliveries. */
export const mqttFanOut10: Scenario = shape(
  "mqtt-fan-out-10",
  "MQTT: QoS 0, 1 to 10",
  withRuler,
  { consumers: 10 },
  timesMosquitto(6),
);

export const mqttFanOut100: Scenario = shape(
  "mqtt-fan-out-100",
  "MQTT: QoS 0, 1 to 100",
  withRuler,
  { consumers: 100 },
  timesMosquitto(6),
);

/** A hundred publishers on one topic, with equal shares of the window. */
export const mqttManyPublishers: Scenario = shape(
  "mqtt-many-publishers",
  "MQTT: QoS 0, 100 to 1",
  withRuler,
  { producers: 100 },
  timesMosquitto(3),
);

/** Each publisher on a topic of its own, of which the subscriber takes all with one wildcard. */
export const mqttOwnTopics: Scenario = shape(
  "mqtt-own-topics",
  "MQTT: QoS 0, 100 to 1, a topic each",
  brokers,
  { producers: 100, "own-keys": true, wildcard: true },
  () => [],
);

export const mqttQos1: Scenario = shape("mqtt-qos1", "MQTT: QoS 1, 1 to 1", brokers, { qos: 1 }, timesMosquitto(4));

export const mqttQos2: Scenario = shape("mqtt-qos2", "MQTT: QoS 2, 1 to 1", exactlyOnce, { qos: 2 }, timesMosquitto(3));

/** MQTT publishes of QoS 1 reach a durable queue bound to amq.topic; an AMQP consumer acknowledges every 50 messages. */
export const mqttBridge: Scenario = shape(
  "mqtt-bridge",
  "MQTT QoS 1 in, durable AMQP queue with acks out",
  ["rabbitmq", "jackalope"],
  { qos: 1, "consumer-protocol": "amqp", acks: true, durable: true },
  (figures) => [ratioCheck(figures, "rabbitmq", 6)],
);
