/** Byte streams for protocol adapters: TCP, TLS and WebSocket behind one interface, and the listeners that bring them. */
export { ClientStream, type ClientStreamOptions, type StreamOwner } from "./client-stream.ts";
export { ConnectionSet } from "./connection-set.ts";
export { Door, type DoorOptions, type DoorRefusal } from "./door.ts";
export { defaultDoorLimits, type DoorLimits } from "./door-limits.ts";
export type {
  ListenAddress,
  ListenOptions,
  WebSocketFraming,
  WebSocketListenOptions,
  WebSocketPortOptions,
  WebSocketTerms,
} from "./listen-options.ts";
export { foreignProtocol } from "./foreign-protocol.ts";
export { HttpListeners, type HttpListenersOptions } from "./http-listeners.ts";
export { Listeners, type ListenersOptions } from "./listeners.ts";
export { isForeignPage, isUnnamedPage } from "./page-origin.ts";
export { ProtocolListener, type ProtocolListenerOptions } from "./protocol-listener.ts";
export { type Refuser, type WebSocketRefuser, webSocketRefuser } from "./refuser.ts";
export { type RefusedClient, type RefuserOptions, RefusingListeners } from "./refusing-listeners.ts";
export {
  type EndReason,
  plainAddress,
  type Transport,
  type TransportAcceptor,
  type TransportListener,
} from "./transport.ts";
export { TlsSource } from "./tls-source.ts";
