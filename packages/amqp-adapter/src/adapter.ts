import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { Broker, Logger } from "@jackalope/core/adapter";
import { AmqpConnection, type ConnectionHost } from "./connection.ts";
import {
  type AmqpAdapterOptions,
  type AmqpLimits,
  defaultAmqpLimits,
  defaultServerIdentity,
  type ListenAddress,
  type ListenOptions,
  type ServerIdentity,
} from "./options.ts";

/** Listens for AMQP 0-9-1 and keeps count of its connections. */
export class AmqpAdapter implements ConnectionHost {
  readonly broker: Broker;
  readonly logger: Logger;
  readonly limits: AmqpLimits;
  readonly identity: ServerIdentity;
  readonly #servers = new Set<Server>();
  readonly #connections = new Set<AmqpConnection>();
  readonly #unsubscribe: () => void;
  #whenEmpty: (() => void) | null = null;
  #closing = false;

  constructor(options: AmqpAdapterOptions) {
    this.broker = options.broker;
    this.logger = options.logger ?? options.broker.logger;
    this.limits = { ...defaultAmqpLimits, ...options.limits };
    this.identity = { ...defaultServerIdentity, ...options.identity };
    this.#unsubscribe = this.broker.alarms.subscribe(() => {
      for (const connection of this.#connections) connection.session.throttle();
    });
  }

  /** Sockets that are open now. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Opens a listener. Without a host it takes every interface, IPv4 and IPv6. Rejects where the port is not to be had. */
  async listen(options: ListenOptions): Promise<readonly ListenAddress[]> {
    // A reply must not wait for the acknowledgement of the one before (Nagle against delayed acknowledgements).
    const socketOptions = { noDelay: true, keepAlive: true };
    const accept = (socket: Socket): void => this.#accept(socket);
    const { tls, port, host } = options;
    const server =
      tls === undefined ? createServer(socketOptions, accept) : createTlsServer({ ...socketOptions, ...tls }, accept);
    this.#servers.add(server);
    server.on("tlsClientError", (error) => this.logger.warn({ error: error.message }, "TLS handshake failed"));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(host === undefined ? { port } : { port, host }, () => {
        server.off("error", reject);
        server.on("error", (error) => this.logger.error({ error: error.message }, "AMQP listener failed"));
        resolve();
      });
    });
    const { port: actualPort, address } = server.address() as AddressInfo;
    return [{ port: actualPort, address }];
  }

  /** Stops accepting, tells clients 320 CONNECTION_FORCED and waits for their goodbyes up to `shutdownTimeoutMs`. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.#unsubscribe();
    const closed = [...this.#servers].map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    await this.#closeConnections();
    await Promise.all(closed);
  }

  forget(connection: AmqpConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#whenEmpty?.();
  }

  async #closeConnections(): Promise<void> {
    for (const connection of this.#connections) {
      if (connection.session.state === "running") connection.session.closeForced("shutdown");
      else if (connection.session.state !== "closing") connection.destroy();
    }
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

  #accept(socket: Socket): void {
    if (this.#closing || socket.remoteAddress === undefined) {
      // Gone before it was looked at.
      socket.destroy();
      return;
    }
    this.#connections.add(new AmqpConnection(socket, this));
  }
}

/** Makes the AMQP 0-9-1 adapter of a broker; `listen` opens its ports. */
export function createAmqpAdapter(options: AmqpAdapterOptions): AmqpAdapter {
  return new AmqpAdapter(options);
}
