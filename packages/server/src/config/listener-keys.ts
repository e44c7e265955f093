import type { Config } from "./config.ts";
import type { ConfigKey } from "./config-keys.ts";
import { addresses, port } from "./value-kinds.ts";

type ListenerConfig = Pick<
  Config,
  | "bind"
  | "amqpPort"
  | "amqpTlsPort"
  | "mqttPort"
  | "mqttTlsPort"
  | "mqttWsPort"
  | "mqttWssPort"
  | "stompPort"
  | "stompTlsPort"
  | "stompWsPort"
  | "stompWssPort"
  | "managementPort"
>;

const section = "Listeners";

/** Where is listened. */
export const listenerKeys: { readonly [Name in keyof ListenerConfig]: ConfigKey<ListenerConfig[Name]> } = {
  bind: {
    section,
    kind: addresses(),
    default: ["::"],
    description: "Addresses that every listener uses. Where the machine has no IPv6, `::` means 0.0.0.0.",
  },
  amqpPort: {
    section,
    kind: port(),
    default: 5672,
    description: "Port for AMQP 0-9-1.",
  },
  amqpTlsPort: {
    section,
    kind: port(),
    default: 5671,
    description: "Port for AMQP 0-9-1 over TLS. It is closed where there is no `tls-certificate`.",
  },
  mqttPort: {
    section,
    kind: port(),
    default: 1883,
    description: "Port for MQTT.",
  },
  mqttTlsPort: {
    section,
    kind: port(),
    default: 8883,
    description: "Port for MQTT over TLS. It is closed where there is no `tls-certificate`.",
  },
  mqttWsPort: {
    section,
    kind: port(),
    default: 15675,
    description: "Port for MQTT over WebSocket, on the paths /ws and /mqtt.",
  },
  mqttWssPort: {
    section,
    kind: port(),
    default: 15676,
    description:
      "Port for MQTT over WebSocket over TLS, for pages that came by https. It is closed where there is no " +
      "`tls-certificate`.",
  },
  stompPort: { section, kind: port(), default: 61613, description: "Port for STOMP." },
  stompTlsPort: {
    section,
    kind: port(),
    default: 61614,
    description: "Port for STOMP over TLS. It is closed where there is no `tls-certificate`.",
  },
  stompWsPort: {
    section,
    kind: port(),
    default: 15674,
    description: "Port for STOMP over WebSocket, on the paths /ws and /stomp.",
  },
  stompWssPort: {
    section,
    kind: port(),
    default: 15673,
    description:
      "Port for STOMP over WebSocket over TLS, for pages that came by https. It is closed where there is no " +
      "`tls-certificate`.",
  },
  managementPort: {
    section,
    kind: port(),
    default: 15672,
    description: "Port for health checks and metrics over HTTP.",
  },
};
