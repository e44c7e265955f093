import type { TlsOptions } from "node:tls";
import type { TlsSource } from "./tls-source.ts";

/**
 * How a protocol's bytes stand in WebSocket messages. They come in however the client cuts them.
 *
 * - `frames`: one frame of the protocol leaves in one message, which is what simple clients of text protocols expect. It
 *   is text where it can be, unless the client itself began with binary messages.
 * - `stream`: binary alone, one message for each write. A text message from the client ends the connection.
 */
export type WebSocketFraming = "frames" | "stream";

export interface ListenOptions {
  /** Default: all interfaces, IPv4 and IPv6. */
  readonly host?: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Speaks TLS where given; with a source it may change meanwhile. */
  readonly tls?: TlsOptions | TlsSource;
}

/** A port for WebSocket, as people configure it. */
export interface WebSocketPortOptions extends ListenOptions {
  /**
   * Pages of these origins may connect, compared whole ("https://example.org"). Default, and where there is none: all,
   * and none is known.
   */
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
  readonly framing: WebSocketFraming;
}

export interface WebSocketListenOptions extends WebSocketPortOptions, WebSocketTerms {}

/** Where an adapter listens. */
export interface ListenAddress {
  readonly port: number;
  readonly address: string;
}
