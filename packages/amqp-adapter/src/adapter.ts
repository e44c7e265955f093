import type { Broker, Logger } from "@jackalope/core/adapter";
import { ConnectionSet, type ListenAddress, Listeners, type ListenOptions, type Transport } from "@jackalope/transport";
import { AmqpConnection, type ConnectionHost } from "./connection.ts";
import {
  type AmqpAdapterOptions,
  type AmqpLimits,
  defaultAmqpLimits,
  defaultServerIdentity,
  type ServerIdentity,
} from "./options.ts";

/** Listens for AMQP 0-9-1 and keeps count of its connections. */
export class AmqpAdapter implements ConnectionHost {
  readonly broker: Broker;
  readonly logger: Logger;
  readonly limits: AmqpLimits;
  readonly identity: ServerIdentity;
  readonly #listeners: Listeners;
  readonly #connections = new ConnectionSet<AmqpConnection>();
  readonly #unsubscribe: () => void;
  #closing = false;

  constructor(options: AmqpAdapterOptions) {
    this.broker = options.broker;
    this.logger = options.logger ?? options.broker.logger;
    this.limits = { ...defaultAmqpLimits, ...options.limits };
    this.identity = { ...defaultServerIdentity, ...options.identity };
    this.#listeners = new Listeners({
      protocol: "AMQP",
      logger: this.logger,
      accept: (transport) => this.#accept(transport),
      handshakeTimeoutMs: this.limits.handshakeTimeoutMs,
    });
    this.#unsubscribe = this.broker.alarms.subscribe(() => {
      for (const connection of this.#connections) connection.session.throttle();
    });
  }

  /** Sockets that are open now. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Opens a listener. Without a host it takes every interface, IPv4 and IPv6. Rejects where the port is not to be had. */
  listen(options: ListenOptions): Promise<readonly ListenAddress[]> {
    return this.#listeners.listen(options);
  }

  /** Stops accepting, tells clients 320 CONNECTION_FORCED and waits for their goodbyes up to `shutdownTimeoutMs`. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.#unsubscribe();
    const closed = this.#listeners.close();
    await this.#connections.end(this.broker.clock, this.limits.shutdownTimeoutMs, (connection) => {
      if (connection.session.state === "running") connection.session.closeForced("shutdown");
      else if (connection.session.state !== "closing") connection.destroy();
    });
    await closed;
  }

  forget(connection: AmqpConnection): void {
    this.#connections.delete(connection);
  }

  #accept(transport: Transport): AmqpConnection {
    const connection = new AmqpConnection(transport, this);
    this.#connections.add(connection);
    return connection;
  }
}

/** Makes the AMQP 0-9-1 adapter of a broker; `listen` opens its ports. */
export function createAmqpAdapter(options: AmqpAdapterOptions): AmqpAdapter {
  return new AmqpAdapter(options);
}
