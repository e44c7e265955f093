import type { WebSocketTerms } from "@jackalope/transport";
import type { MqttLimits } from "./options.ts";

/** What every WebSocket listener for MQTT says about itself. */
export function webSocketTerms({ packetBytesMax }: MqttLimits): WebSocketTerms {
  return {
    paths: ["/ws", "/mqtt"],
    // [MQTT-6.0.0-3]; the second is how clients of MQTT 3.1 call it.
    subprotocols: ["mqtt", "mqttv3.1"],
    messageBytesMax: packetBytesMax,
    framing: "stream",
  };
}
