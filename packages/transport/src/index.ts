/** Byte streams for protocol adapters: TCP, TLS and WebSocket behind one interface, and the listeners that bring them. */
export { ConnectionSet } from "./connection-set.ts";
export type {
  ListenAddress,
  ListenOptions,
  WebSocketListenOptions,
  WebSocketPortOptions,
  WebSocketTerms,
} from "./listen-options.ts";
export { Listeners, type ListenersOptions } from "./listeners.ts";
export { type Refuser, type WebSocketRefuser, webSocketRefuser } from "./refuser.ts";
export { type RefusedClient, type RefuserOptions, RefusingListeners } from "./refusing-listeners.ts";
export {
  type AcceptTransport,
  type EndReason,
  plainAddress,
  type Transport,
  type TransportListener,
} from "./transport.ts";
export type { WebSocketFraming } from "./web-socket-transport.ts";
