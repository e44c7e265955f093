import type { Scenario } from "../scenario.ts";
import { autoAck } from "./auto-ack.ts";
import { backlog } from "./backlog.ts";
import { confirms } from "./confirms.ts";
import { durable } from "./durable.ts";
import { fanOut } from "./fan-out.ts";
import { idleConnections } from "./idle-connections.ts";
import { latency } from "./latency.ts";
import { manyKeys } from "./many-keys.ts";
import { stompAcks, stompAutoAck, stompBridge, stompFanOut } from "./stomp.ts";
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
  idleConnections,
  stompAutoAck,
  stompAcks,
  stompFanOut,
  stompBridge,
  webSocketSubscribers,
];
