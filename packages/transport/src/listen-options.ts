import type { TlsOptions } from "node:tls";
import type { WebSocketFraming } from "./web-socket-transport.ts";

export interface ListenOptions {
  /** Default: all interfaces, IPv4 and IPv6. */
  readonly host?: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Speaks TLS where given. */
  readonly tls?: TlsOptions;
}

/** A port for WebSocket, as people configure it. */
export interface WebSocketPortOptions extends ListenOptions {
  /** Pages of these origins may connect, compared whole ("https://example.org"). Default: all. */
  readonly origins?: readonly string[];
}

/** How a protocol stands in WebSockets. */
export interface WebSocketTerms {
  /** Where the WebSocket is to be had, "/ws" for instance; 404 elsewhere. */
  readonly paths: readonly string[];
  /**
   * What the protocol is called in `Sec-WebSocket-Protocol`, the best first: where a client offers several, this order
   * decides. A client that offers none is accepted all the same.
   */
  readonly subprotocols: readonly string[];
  /** Largest WebSocket message accepted; a larger one ends the connection with code 1009. */
  readonly messageBytesMax: number;
  readonly framing: WebSocketFraming;
}

export interface WebSocketListenOptions extends WebSocketPortOptions, WebSocketTerms {}

/** Where an adapter listens. */
export interface ListenAddress {
  readonly port: number;
  readonly address: string;
}
