import type { Scenario } from "../scenario.ts";
import { autoAck } from "./auto-ack.ts";
import { backlog } from "./backlog.ts";
import { confirms } from "./confirms.ts";
import { durable } from "./durable.ts";
import { fairness } from "./fairness.ts";
import { fanOut } from "./fan-out.ts";
import { idleConnections } from "./idle-connections.ts";
import { latency } from "./latency.ts";
import { manyKeys } from "./many-keys.ts";
import { mqttConnections } from "./mqtt-connections.ts";
import { mqttRetained } from "./mqtt-retained.ts";
import { mqttSubscriptions } from "./mqtt-subscriptions.ts";
import {
  mqttBridge,
  mqttFanOut10,
  mqttFanOut100,
  mqttManyPublishers,
  mqttOwnTopics,
  mqttQos0,
  mqttQos1,
  mqttQos2,
} from "./mqtt.ts";
import { redisBacklog } from "./redis-backlog.ts";
import { redisDurable } from "./redis-durable.ts";
import { stompAcks, stompAutoAck, stompBridge, stompFanOut } from "./stomp.ts";
import { transientBacklog } from "./transient-backlog.ts";
import { webSocketSubscribers } from "./web-socket-subscribers.ts";

/** In the order they run and print. */
export const scenarios: readonly Scenario[] = [
  autoAck,
  confirms,
  fanOut,
  durable,
  manyKeys,
  latency,
  backlog,
  transientBacklog,
  idleConnections,
  stompAutoAck,
  stompAcks,
  stompFanOut,
  stompBridge,
  webSocketSubscribers,
  mqttQos0,
  mqttFanOut10,
  mqttFanOut100,
  mqttManyPublishers,
  mqttOwnTopics,
  mqttQos1,
  mqttQos2,
  mqttBridge,
  mqttSubscriptions,
  mqttConnections,
  mqttRetained,
  fairness,
  redisDurable,
  redisBacklog,
];
