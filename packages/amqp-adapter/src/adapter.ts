import type { Broker, Logger } from "@jackalope/core/adapter";
import { type ListenAddress, type ListenOptions, ProtocolListener } from "@jackalope/transport";
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
  readonly #listener: ProtocolListener<AmqpConnection>;
  readonly #unsubscribe: () => void;

  constructor(options: AmqpAdapterOptions) {
    this.broker = options.broker;
    this.logger = options.logger ?? options.broker.logger;
    this.limits = { ...defaultAmqpLimits, ...options.limits };
    this.identity = { ...defaultServerIdentity, ...options.identity };
    const { handshakeTimeoutMs, shutdownTimeoutMs } = this.limits;
    this.#listener = new ProtocolListener({
      ...{ protocol: "AMQP", logger: this.logger, clock: this.broker.clock, door: options.door },
      ...{ handshakeTimeoutMs, shutdownTimeoutMs, containment: this.broker.containment },
      connect: (transport) => new AmqpConnection(transport, this),
    });
    this.#unsubscribe = this.broker.alarms.subscribe(() => {
      const { alarms, turn } = this.broker;
      alarms.lookForEach(turn, this.#listener, (connection) => connection.session.throttle());
    });
  }

  /** Sockets that are open now. */
  get connectionCount(): number {
    return this.#listener.size;
  }

  /** Opens a listener. Without a host it takes every interface, IPv4 and IPv6. Rejects where the port is not to be had. */
  listen(options: ListenOptions): Promise<readonly ListenAddress[]> {
    return this.#listener.listen(options);
  }

  /** Stops accepting, tells clients 320 CONNECTION_FORCED and waits for their goodbyes up to `shutdownTimeoutMs`. */
  close(): Promise<void> {
    this.#unsubscribe();
    return this.#listener.close((connection) => {
      if (connection.session.state === "running") connection.session.closeForced("shutdown");
      else if (connection.session.state !== "closing") connection.destroy();
    });
  }
}

/** Makes the AMQP 0-9-1 adapter of a broker; `listen` opens its ports. */
export function createAmqpAdapter(options: AmqpAdapterOptions): AmqpAdapter {
  return new AmqpAdapter(options);
}
