/** MQTT 3.1, 3.1.1 and 5 for a Jackalope broker. */
export type { ListenAddress, ListenOptions } from "@jackalope/transport";
export { createMqttAdapter, type MqttAdapter } from "./adapter.ts";
export {
  type AnonymousUser,
  defaultMqttLimits,
  type MqttAdapterOptions,
  type MqttLimits,
  type MqttWebSocketOptions,
} from "./options.ts";
export { createMqttRefuser, type MqttRefuser } from "./refuser.ts";
