import type { Broker, Logger } from "@jackalope/core/adapter";
import {
  ConnectionSet,
  type ListenAddress,
  Listeners,
  type ListenOptions,
  type Transport,
  type WebSocketPortOptions,
} from "@jackalope/transport";
import { type ConnectionHost, StompConnection } from "./connection.ts";
import { type AnonymousUser, defaultStompLimits, type StompAdapterOptions, type StompLimits } from "./options.ts";
import { webSocketTerms } from "./web-socket-terms.ts";

/** Listens for STOMP 1.0, 1.1 and 1.2 over TCP, TLS and WebSocket, and keeps count of its connections. */
export class StompAdapter implements ConnectionHost {
  readonly broker: Broker;
  readonly logger: Logger;
  readonly limits: StompLimits;
  readonly anonymousUser: AnonymousUser | null;
  readonly defaultVirtualHost: string;
  readonly server: string;
  readonly #listeners: Listeners;
  readonly #connections = new ConnectionSet<StompConnection>();
  readonly #unsubscribe: () => void;
  #closing = false;

  constructor(options: StompAdapterOptions) {
    this.broker = options.broker;
    this.logger = options.logger ?? options.broker.logger;
    this.limits = { ...defaultStompLimits, ...options.limits };
    this.anonymousUser = options.anonymousUser ?? null;
    this.defaultVirtualHost = options.defaultVirtualHost ?? "/";
    this.server = options.server ?? "Jackalope";
    this.#listeners = new Listeners({
      protocol: "STOMP",
      logger: this.logger,
      accept: (transport) => this.#accept(transport),
      handshakeTimeoutMs: this.limits.handshakeTimeoutMs,
    });
    this.#unsubscribe = this.broker.alarms.subscribe(() => {
      for (const connection of this.#connections) connection.session.throttle();
    });
  }

  /** Clients that are connected now. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Opens a listener for TCP, or TLS. Without a host it takes every interface. Rejects where the port is not to be had. */
  listen(options: ListenOptions): Promise<readonly ListenAddress[]> {
    return this.#listeners.listen(options);
  }

  /** Opens a listener for WebSocket, on the paths `/ws` and `/stomp`. */
  listenWebSocket(options: WebSocketPortOptions): Promise<readonly ListenAddress[]> {
    return this.#listeners.listenWebSocket({ ...options, ...webSocketTerms(this.limits) });
  }

  /** Stops accepting, tells clients by an ERROR frame and waits for them to go, up to `shutdownTimeoutMs`. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.#unsubscribe();
    const closed = this.#listeners.close();
    await this.#connections.end(this.broker.clock, this.limits.shutdownTimeoutMs, (connection) => {
      connection.session.closeForced("shutdown");
    });
    await closed;
  }

  forget(connection: StompConnection): void {
    this.#connections.delete(connection);
  }

  #accept(transport: Transport): StompConnection {
    const connection = new StompConnection(transport, this);
    this.#connections.add(connection);
    return connection;
  }
}

/** Makes the STOMP adapter of a broker; `listen` and `listenWebSocket` open its ports. */
export function createStompAdapter(options: StompAdapterOptions): StompAdapter {
  return new StompAdapter(options);
}
