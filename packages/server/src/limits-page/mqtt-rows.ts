import type { MqttLimits } from "@jackalope/mqtt-adapter";
import type { AedesLimits } from "@jackalope/mqtt-adapter/aedes";
import type { LimitRows } from "./limit-row.ts";
import { outboxRows } from "./outbox-rows.ts";

const retained = "a further one of QoS 1 or 2 is refused: 0x97; one of QoS 0 is sent to subscribers and not kept";
const inFlight = "a client of version 5 that exceeds it gets DISCONNECT 0x93, an older one at 65,535 is cut off";

/** The limits of the MQTT adapter. */
export const mqttRows: LimitRows<MqttLimits> = {
  packetBytesMax: {
    setting: "mqttPacketMax",
    counts: "a packet; `max-message-size` counts too",
    atBound: "DISCONNECT 0x95",
  },
  connectPacketBytesMax: {
    counts: "a packet before login",
    atBound: "the connection is closed without an answer",
  },
  clientIdBytesMax: { counts: "client identifier in UTF-8", atBound: "CONNACK 0x85" },
  sessionsMax: { counts: "sessions of a virtual host, connected or not", atBound: "CONNACK 0x97" },
  subscriptionsPerSessionMax: { counts: "filters of a session", atBound: "SUBACK 0x97 for each filter beyond it" },
  keepAliveSecondsMax: {
    setting: "mqttKeepAliveMax",
    shown: "none",
    counts: "the keep alive of clients of version 5",
    atBound: "clients are told to keep it",
  },
  receiveMaximum: {
    setting: "mqttInFlightMax",
    counts: "publishes of a client that are not acknowledged",
    atBound: inFlight,
  },
  inFlightMax: { setting: "mqttInFlightMax", counts: "the same, to a client", atBound: "the broker waits" },
  topicAliasMaximum: {
    setting: "mqttTopicAliasMax",
    counts: "topic aliases that a client sets",
    atBound: "DISCONNECT 0x94",
  },
  topicAliasMaximumOut: {
    setting: "mqttTopicAliasMax",
    counts: "topic aliases that the broker sets",
    atBound: "the broker gives aliases to other topics",
  },
  sessionExpirySecondsMax: {
    setting: "mqttSessionExpiryMax",
    shown: "7 days",
    counts: "how long a session waits for its client",
    atBound: "what a client asks for beyond it is cut",
  },
  sessionMessagesMax: {
    setting: "mqttSessionMessagesMax",
    counts: "messages of QoS 1 and 2 that wait for a session",
    atBound: "the oldest messages of the session are dropped, and counted as `maxlen`",
  },
  sessionBytesMax: { setting: "mqttSessionBytesMax", counts: "bodies of those", atBound: "as above" },
  slowQos0MessagesMax: {
    setting: "mqttSlowQos0MessagesMax",
    counts: "messages of QoS 0 that wait for a session",
    atBound: "new ones are dropped for this client, and counted as `overload`",
  },
  retainedMessagesMax: {
    setting: "mqttRetainedMessagesMax",
    counts: "retained messages of a virtual host",
    atBound: retained,
  },
  retainedBytesMax: { setting: "mqttRetainedBytesMax", counts: "memory of those, about", atBound: "as above" },
  handshakeTimeoutMs: {
    setting: "handshakeTimeout",
    counts: "from the accepted socket to CONNACK",
    atBound: "the connection is closed",
  },
  closeTimeoutMs: {
    counts: "how long a client that was sent away has to close its side",
    atBound: "it is cut off",
  },
  shutdownTimeoutMs: {
    counts: "how long clients have to close their side when the broker ends",
    atBound: "they are cut off",
  },
  ...outboxRows,
};

/** Those that count for the clients of an aedes server, too. */
export const aedesNames: Record<keyof AedesLimits, true> = {
  sessionsMax: true,
  subscriptionsPerSessionMax: true,
  sessionMessagesMax: true,
  sessionBytesMax: true,
  slowQos0MessagesMax: true,
  receiveMaximum: true,
  retainedMessagesMax: true,
  retainedBytesMax: true,
};
