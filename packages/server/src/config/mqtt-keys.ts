import { defaultMqttLimits } from "@jackalope/mqtt-adapter";
import type { Config } from "./config.ts";
import type { ConfigKey } from "./config-keys.ts";
import { bytes, choice, count, duration, origins, text } from "./value-kinds.ts";

/** Settings of MQTT but for its ports. */
type MqttConfig = Pick<
  Config,
  | "mqttEngine"
  | "mqttExchange"
  | "mqttVhost"
  | "mqttAnonymousUser"
  | "mqttAnonymousPassword"
  | "mqttOrigins"
  | "mqttPacketMax"
  | "mqttKeepAliveMax"
  | "mqttInFlightMax"
  | "mqttTopicAliasMax"
  | "mqttSessionExpiryMax"
  | "mqttSessionMessagesMax"
  | "mqttSessionBytesMax"
  | "mqttSlowQos0MessagesMax"
  | "mqttRetainedMessagesMax"
  | "mqttRetainedBytesMax"
  | "mqttSysInterval"
>;

const section = "MQTT";
const numberMax = 1_000_000_000;
/** Four bytes of seven bits, two and four of eight (MQTT 5, 1.5.5, 1.5.2 and 1.5.3). */
const packetBytesMax = 268_435_455;
const twoBytesMax = 65_535;
const fourBytesMax = 0xff_ff_ff_ff;

/** The settings of MQTT. Limits have the adapter's own defaults. */
export const mqttKeys: { readonly [Name in keyof MqttConfig]: ConfigKey<MqttConfig[Name]> } = {
  mqttEngine: {
    section,
    kind: choice("native", "aedes"),
    default: "native",
    description:
      "Who speaks MQTT on its ports. `native`: 3.1, 3.1.1 and 5, with everything on this page. `aedes`: the npm package " +
      "of that name, 3.1 and 3.1.1, with the same users, permissions and retained messages. Neither engine knows the " +
      "sessions of the other.",
  },
  mqttExchange: {
    section,
    kind: text("NAME", "the name of a topic exchange"),
    default: "amq.topic",
    description: "The topic exchange that MQTT publishes to and subscribes from. `a/b` there is the routing key `a.b`.",
  },
  mqttVhost: {
    section,
    kind: text("NAME", "the name of a virtual host"),
    default: "/",
    description: "The virtual host of clients whose user name does not name one, as `vhost:user` does.",
  },
  mqttAnonymousUser: {
    section,
    kind: text("NAME|off", "a name, or off"),
    default: "guest",
    description:
      "Who an MQTT client is that sends neither user name nor password. As long as it is `guest`, such clients may " +
      "connect from this machine only. `off` refuses them.",
  },
  mqttAnonymousPassword: {
    section,
    kind: text("PASSWORD", "a password"),
    default: "guest",
    description: "Password of that user.",
  },
  mqttOrigins: {
    section,
    kind: origins(),
    default: [],
    description:
      "Pages that may connect by WebSocket, by their origin. A browser sends it; clients that are no browser have none " +
      "and are not asked. With `all` a page needs a user name and a password, and is not `guest` unless this machine " +
      "served it: only pages that are named may be anonymous, or known by a certificate.",
  },
  mqttPacketMax: {
    section,
    kind: bytes(1024, packetBytesMax),
    default: defaultMqttLimits.packetBytesMax,
    description: "Largest packet accepted; clients of version 5 are told it. `max-message-size` counts too.",
  },
  mqttKeepAliveMax: {
    section,
    kind: duration(0, twoBytesMax * 1000),
    default: defaultMqttLimits.keepAliveSecondsMax * 1000,
    description: "Longest keep alive agreed to with clients of version 5, in whole seconds. 0 is any.",
  },
  mqttInFlightMax: {
    section,
    kind: count(1, twoBytesMax),
    default: defaultMqttLimits.inFlightMax,
    description: "Messages of QoS 1 and 2 on their way to a client, and from it, that are not acknowledged yet.",
  },
  mqttTopicAliasMax: {
    section,
    kind: count(0, twoBytesMax),
    default: defaultMqttLimits.topicAliasMaximum,
    description: "Topic aliases of one connection, in each direction. 0 allows none.",
  },
  mqttSessionExpiryMax: {
    section,
    kind: duration(0, fourBytesMax * 1000),
    default: defaultMqttLimits.sessionExpirySecondsMax * 1000,
    description:
      "Longest time that a session waits for its client, in whole seconds. Persistent sessions of version 3 get it. " +
      `\`${fourBytesMax}s\` is for ever.`,
  },
  mqttSessionMessagesMax: {
    section,
    kind: count(1, numberMax),
    default: defaultMqttLimits.sessionMessagesMax,
    description: "Messages of QoS 1 and 2 that wait in one session. The oldest make room.",
  },
  mqttSessionBytesMax: {
    section,
    kind: bytes(1024),
    default: defaultMqttLimits.sessionBytesMax,
    description: "Bytes of those.",
  },
  mqttSlowQos0MessagesMax: {
    section,
    kind: count(1, numberMax),
    default: defaultMqttLimits.slowQos0MessagesMax,
    description:
      "Messages of QoS 0 that wait for a client that reads slowly. What comes beyond is dropped and counted.",
  },
  mqttRetainedMessagesMax: {
    section,
    kind: count(0, numberMax),
    default: defaultMqttLimits.retainedMessagesMax,
    description:
      "Retained messages of one virtual host. One more is refused: 0x97, and a client of version 3 is cut off.",
  },
  mqttRetainedBytesMax: {
    section,
    kind: bytes(0),
    default: defaultMqttLimits.retainedBytesMax,
    description: "Bytes of those.",
  },
  mqttSysInterval: {
    section,
    kind: duration(0, 86_400_000),
    default: 10_000,
    description: "Time between two publications of the broker's figures under `$SYS/`. 0 publishes none.",
  },
};
