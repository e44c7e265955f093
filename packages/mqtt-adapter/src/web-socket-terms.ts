import type { WebSocketTerms } from "@jackalope/transport";

/** What every WebSocket listener for MQTT says about itself. */
export const webSocketTerms: WebSocketTerms = {
  paths: ["/ws", "/mqtt"],
  // [MQTT-6.0.0-3]; the second is how clients of MQTT 3.1 call it.
  subprotocols: ["mqtt", "mqttv3.1"],
  framing: "stream",
};
