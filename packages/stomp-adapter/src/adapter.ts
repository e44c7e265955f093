import type { Server as WebServer } from "node:http";
import type { Server } from "node:net";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { Broker, Logger } from "@jackalope/core/adapter";
import { type ConnectionHost, StompConnection } from "./connection.ts";
import {
  type AnonymousUser,
  defaultStompLimits,
  type ListenAddress,
  type ListenOptions,
  type StompAdapterOptions,
  type StompLimits,
  type WebSocketListenOptions,
} from "./options.ts";
import { SocketTransport } from "./socket-transport.ts";
import type { AcceptTransport } from "./transport.ts";
import { createWebSocketServer } from "./web-socket-listener.ts";

/** Listens for STOMP 1.0, 1.1 and 1.2 over TCP, TLS and WebSocket, and keeps count of its connections. */
export class StompAdapter implements ConnectionHost {
  readonly broker: Broker;
  readonly logger: Logger;
  readonly limits: StompLimits;
  readonly anonymousUser: AnonymousUser | null;
  readonly defaultVirtualHost: string;
  readonly server: string;
  readonly #servers = new Set<Server>();
  readonly #webServers = new Set<WebServer>();
  readonly #connections = new Set<StompConnection>();
  readonly #unsubscribe: () => void;
  #whenEmpty: (() => void) | null = null;
  #closing = false;

  constructor(options: StompAdapterOptions) {
    this.broker = options.broker;
    this.logger = options.logger ?? options.broker.logger;
    this.limits = { ...defaultStompLimits, ...options.limits };
    this.anonymousUser = options.anonymousUser ?? null;
    this.defaultVirtualHost = options.defaultVirtualHost ?? "/";
    this.server = options.server ?? "Jackalope";
    this.#unsubscribe = this.broker.alarms.subscribe(() => {
      for (const connection of this.#connections) connection.session.throttle();
    });
  }

  /** Clients that are connected now. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Opens a listener for TCP, or TLS. Without a host it takes every interface. Rejects where the port is not to be had. */
  async listen(options: ListenOptions): Promise<readonly ListenAddress[]> {
    // A reply must not wait for the acknowledgement of the one before (Nagle against delayed acknowledgements).
    const socketOptions = { noDelay: true, keepAlive: true };
    const accept = (socket: Socket): void => this.#acceptSocket(socket);
    const { tls } = options;
    const server =
      tls === undefined
        ? createServer(socketOptions, accept)
        : createTlsServer({ ...socketOptions, handshakeTimeout: this.limits.handshakeTimeoutMs, ...tls }, accept);
    return this.#open(server, options);
  }

  /** Opens a listener for WebSocket, on the paths `/ws` and `/stomp`. */
  async listenWebSocket(options: WebSocketListenOptions): Promise<readonly ListenAddress[]> {
    const server = createWebSocketServer({
      options,
      messageBytesMax: this.limits.bodyBytesMax + this.limits.headBytesMax,
      handshakeTimeoutMs: this.limits.handshakeTimeoutMs,
      logger: this.logger,
      accept: this.#accept,
    });
    this.#webServers.add(server);
    return this.#open(server, options);
  }

  /** Stops accepting, tells clients by an ERROR frame and waits for them to go, up to `shutdownTimeoutMs`. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.#unsubscribe();
    const closed = [...this.#servers].map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    // Those that are no WebSocket, or not yet.
    for (const server of this.#webServers) server.closeAllConnections();
    await this.#closeConnections();
    await Promise.all(closed);
  }

  forget(connection: StompConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#whenEmpty?.();
  }

  async #open(server: Server, options: ListenOptions): Promise<readonly ListenAddress[]> {
    const { port, host } = options;
    this.#servers.add(server);
    server.on("tlsClientError", (error: Error) => this.logger.warn({ error: error.message }, "TLS handshake failed"));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(host === undefined ? { port } : { port, host }, () => {
        server.off("error", reject);
        server.on("error", (error) => this.logger.error({ error: error.message }, "STOMP listener failed"));
        resolve();
      });
    });
    const { port: actualPort, address } = server.address() as AddressInfo;
    return [{ port: actualPort, address }];
  }

  async #closeConnections(): Promise<void> {
    for (const connection of this.#connections) connection.session.closeForced("shutdown");
    if (this.#connections.size === 0) return;
    const empty = new Promise<void>((resolve) => {
      this.#whenEmpty = resolve;
    });
    const timer = this.broker.clock.after(this.limits.shutdownTimeoutMs, () => {
      for (const connection of this.#connections) connection.destroy();
    });
    await empty;
    timer.cancel();
  }

  #acceptSocket(socket: Socket): void {
    new SocketTransport(socket, this.#accept);
  }

  readonly #accept: AcceptTransport = (transport) => {
    if (this.#closing || transport.remoteAddress === "unknown") {
      // Gone before it was looked at.
      transport.destroy();
      return null;
    }
    const connection = new StompConnection(transport, this);
    this.#connections.add(connection);
    return connection;
  };
}

/** Makes the STOMP adapter of a broker; `listen` and `listenWebSocket` open its ports. */
export function createStompAdapter(options: StompAdapterOptions): StompAdapter {
  return new StompAdapter(options);
}
