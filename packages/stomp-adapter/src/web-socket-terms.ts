import type { WebSocketTerms } from "@jackalope/transport";
import type { StompLimits } from "./options.ts";

/** What every WebSocket listener for STOMP says about itself. */
export function webSocketTerms({ bodyBytesMax, headBytesMax }: StompLimits): WebSocketTerms {
  return {
    paths: ["/ws", "/stomp"],
    subprotocols: ["v12.stomp", "v11.stomp", "v10.stomp"],
    messageBytesMax: bodyBytesMax + headBytesMax,
    framing: "frames",
  };
}
