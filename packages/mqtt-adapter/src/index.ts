/** MQTT 3.1, 3.1.1 and 5 for a Jackalope broker. */
export type { ListenAddress, ListenOptions, WebSocketPortOptions } from "@jackalope/transport";
export { createMqttAdapter, type MqttAdapter } from "./adapter.ts";
export { fixedMqttLimits } from "./fixed-limits.ts";
export {
  type AnonymousUser,
  defaultMqttLimits,
  type MqttAdapterOptions,
  type MqttLimits,
} from "./options.ts";
export { createMqttRefuser } from "./refuser.ts";
