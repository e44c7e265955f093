import type { WebSocketTerms } from "@jackalope/transport";

/** What every WebSocket listener for STOMP says about itself. */
export const webSocketTerms: WebSocketTerms = {
  paths: ["/ws", "/stomp"],
  subprotocols: ["v12.stomp", "v11.stomp", "v10.stomp"],
  framing: "frames",
};
