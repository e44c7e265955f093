import type { Broker, Logger } from "@jackalope/core/adapter";
import {
  type ListenAddress,
  type ListenOptions,
  ProtocolListener,
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
  readonly #listener: ProtocolListener<StompConnection>;
  readonly #unsubscribe: () => void;

  constructor(options: StompAdapterOptions) {
    this.broker = options.broker;
    this.logger = options.logger ?? options.broker.logger;
    this.limits = { ...defaultStompLimits, ...options.limits };
    this.anonymousUser = options.anonymousUser ?? null;
    this.defaultVirtualHost = options.defaultVirtualHost ?? "/";
    this.server = options.server ?? "Jackalope";
    const { handshakeTimeoutMs, shutdownTimeoutMs } = this.limits;
    this.#listener = new ProtocolListener({
      ...{ protocol: "STOMP", logger: this.logger, clock: this.broker.clock, door: options.door },
      ...{ handshakeTimeoutMs, shutdownTimeoutMs, containment: this.broker.containment },
      connect: (transport) => new StompConnection(transport, this),
    });
    this.#unsubscribe = this.broker.alarms.subscribe(() => {
      const { alarms, turn } = this.broker;
      alarms.lookForEach(turn, this.#listener, (connection) => connection.session.throttle());
    });
  }

  /** Clients that are connected now. */
  get connectionCount(): number {
    return this.#listener.size;
  }

  /** Opens a listener for TCP, or TLS. Without a host it takes every interface. Rejects where the port is not to be had. */
  listen(options: ListenOptions): Promise<readonly ListenAddress[]> {
    return this.#listener.listen(options);
  }

  /** Opens a listener for WebSocket, on the paths `/ws` and `/stomp`. */
  listenWebSocket(options: WebSocketPortOptions): Promise<readonly ListenAddress[]> {
    return this.#listener.listenWebSocket({ ...options, ...webSocketTerms });
  }

  /** Stops accepting, tells clients by an ERROR frame and waits for them to go, up to `shutdownTimeoutMs`. */
  close(): Promise<void> {
    this.#unsubscribe();
    return this.#listener.close(({ session }) => session.closeForced("shutdown"));
  }
}

/** Makes the STOMP adapter of a broker; `listen` and `listenWebSocket` open its ports. */
export function createStompAdapter(options: StompAdapterOptions): StompAdapter {
  return new StompAdapter(options);
}
