import type { Socket } from "node:net";
import type { Clock, Logger } from "@jackalope/core/adapter";
import { AcceptingPort } from "./accepting-port.ts";
import type { Arrival } from "./arrival.ts";
import type { Door } from "./door.ts";
import type { ListenAddress, ListenOptions, WebSocketListenOptions } from "./listen-options.ts";
import { SocketTransport } from "./socket-transport.ts";
import { TlsLayer } from "./tls-layer.ts";
import { TlsSource } from "./tls-source.ts";
import type { TransportAcceptor, Transport, TransportListener } from "./transport.ts";
import { WebSocketLayer } from "./web-socket-layer.ts";

export interface ListenersOptions {
  /** Name of the protocol, for people: "AMQP". */
  readonly protocol: string;
  readonly logger: Logger;
  readonly clock: Clock;
  /** All listeners of a process share it. */
  readonly door: Door;
  readonly acceptor: TransportAcceptor;
  /** From the accepted socket to the end of the login, with TLS, HTTP and the protocol's own handshake. */
  readonly handshakeTimeoutMs: number;
}

/** What is spoken on a socket below the protocol. */
type Layer = (socket: Socket, arrival: Arrival) => void;

/**
 * The open ports of one adapter. Whatever they bring is given to `acceptor` as a `Transport`.
 *
 *     door -> arrival -> [TLS] -> [HTTP, WebSocket] -> transport
 */
export class Listeners {
  readonly #options: ListenersOptions;
  readonly #ports: AcceptingPort[] = [];
  readonly #tlsLayers: TlsLayer[] = [];
  #closing = false;

  constructor(options: ListenersOptions) {
    this.#options = options;
  }

  /** Opens a listener for TCP, or TLS. Without a host it takes every interface. Rejects where the port is not to be had. */
  listen(options: ListenOptions): Promise<readonly ListenAddress[]> {
    return this.#open(options, (socket, arrival) => {
      new SocketTransport(socket, arrival, this.#options.logger, this.#acceptor);
    });
  }

  /** Opens a listener for WebSocket, with or without TLS. Rejects where the port is not to be had. */
  listenWebSocket(options: WebSocketListenOptions): Promise<readonly ListenAddress[]> {
    const { protocol, logger } = this.#options;
    const layer = new WebSocketLayer({ protocol, options, logger, acceptor: this.#acceptor });
    return this.#open(options, (socket, arrival) => layer.take(socket, arrival));
  }

  /**
   * Stops accepting, and resolves when the last socket is closed. Whoever is connected stays so: ending those is the
   * caller's business, meanwhile.
   */
  async close(): Promise<void> {
    this.#closing = true;
    for (const layer of this.#tlsLayers) layer.close();
    await Promise.all(this.#ports.map((port) => port.close(false)));
  }

  async #open(options: ListenOptions, above: Layer): Promise<readonly ListenAddress[]> {
    const { protocol: name, logger, clock, door, handshakeTimeoutMs } = this.#options;
    let take = (arrival: Arrival): void => above(arrival.socket, arrival);
    if (options.tls !== undefined) {
      const layer = new TlsLayer(TlsSource.of(options.tls), handshakeTimeoutMs, above);
      this.#tlsLayers.push(layer);
      take = (arrival) => layer.take(arrival);
    }
    const port = new AcceptingPort({ name, kind: "client", logger, clock, door, handshakeTimeoutMs, take });
    this.#ports.push(port);
    return [await port.open(options)];
  }

  readonly #acceptor: TransportAcceptor = {
    accept: (transport: Transport): TransportListener | null => {
      if (!this.#closing) return this.#options.acceptor.accept(transport);
      transport.destroy();
      return null;
    },
    gone: (listener: TransportListener): void => this.#options.acceptor.gone(listener),
    failed: (listener: TransportListener, error: unknown): void => this.#options.acceptor.failed(listener, error),
  };
}
