import type { Server as WebServer } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import type { Logger } from "@jackalope/core/adapter";
import type { ListenAddress, ListenOptions, WebSocketListenOptions } from "./listen-options.ts";
import { SocketTransport } from "./socket-transport.ts";
import { type AcceptTransport, plainAddress, type Transport, type TransportListener } from "./transport.ts";
import { TlsHandshakes } from "./tls-handshakes.ts";
import { createWebSocketServer } from "./web-socket-server.ts";

export interface ListenersOptions {
  /** Name of the protocol, for people: "AMQP". */
  readonly protocol: string;
  readonly logger: Logger;
  readonly accept: AcceptTransport;
  /** For the handshakes below the protocol: TLS and HTTP. */
  readonly handshakeTimeoutMs: number;
}

/** The open ports of one adapter. Whatever they bring is given to `accept` as a `Transport`. */
export class Listeners {
  readonly #options: ListenersOptions;
  readonly #servers = new Set<Server>();
  readonly #webServers = new Set<WebServer>();
  readonly #handshakes: TlsHandshakes[] = [];
  #closing = false;

  constructor(options: ListenersOptions) {
    this.#options = options;
  }

  /** Opens a listener for TCP, or TLS. Without a host it takes every interface. Rejects where the port is not to be had. */
  listen(options: ListenOptions): Promise<readonly ListenAddress[]> {
    // A reply must not wait for the acknowledgement of the one before (Nagle against delayed acknowledgements).
    const socketOptions = { noDelay: true, keepAlive: true };
    const accept = (socket: Socket): void => {
      new SocketTransport(socket, this.#options.logger, this.#accept);
    };
    const { tls } = options;
    const handshakeTimeout = this.#options.handshakeTimeoutMs;
    const server =
      tls === undefined
        ? createServer(socketOptions, accept)
        : createTlsServer({ ...socketOptions, handshakeTimeout, ...tls }, accept);
    return this.#open(server, options);
  }

  /** Opens a listener for WebSocket, with or without TLS. Rejects where the port is not to be had. */
  listenWebSocket(options: WebSocketListenOptions): Promise<readonly ListenAddress[]> {
    const { protocol, logger, handshakeTimeoutMs } = this.#options;
    const server = createWebSocketServer({ protocol, options, handshakeTimeoutMs, logger, accept: this.#accept });
    this.#webServers.add(server);
    return this.#open(server, options);
  }

  /**
   * Stops accepting, and resolves when the last socket is closed. Whoever is connected stays so: ending those is the
   * caller's business, meanwhile.
   */
  async close(): Promise<void> {
    this.#closing = true;
    const closed = [...this.#servers].map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    // Those that are no WebSocket, or not yet.
    for (const server of this.#webServers) server.closeAllConnections();
    for (const handshakes of this.#handshakes) handshakes.destroy();
    await Promise.all(closed);
  }

  async #open(server: Server, options: ListenOptions): Promise<readonly ListenAddress[]> {
    const { port, host, tls } = options;
    const { logger, protocol } = this.#options;
    this.#servers.add(server);
    if (tls !== undefined) this.#handshakes.push(new TlsHandshakes(server));
    server.on("tlsClientError", (error: Error, socket: TLSSocket) => {
      const peer = `${plainAddress(socket.remoteAddress)}:${socket.remotePort ?? 0}`;
      logger.warn({ peer, error: error.message.trim() }, "TLS handshake failed");
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(host === undefined ? { port } : { port, host }, () => {
        server.off("error", reject);
        server.on("error", (error) => logger.error({ error: error.message }, `${protocol} listener failed`));
        resolve();
      });
    });
    const { port: actualPort, address } = server.address() as AddressInfo;
    return [{ port: actualPort, address }];
  }

  readonly #accept: AcceptTransport = (transport: Transport): TransportListener | null => {
    // A socket without an address was gone before it was looked at.
    if (!this.#closing && transport.remoteAddress !== "unknown") return this.#options.accept(transport);
    transport.destroy();
    return null;
  };
}
