import { type Clock, Containment, type Logger } from "@jackalope/core/adapter";
import { ConnectionSet } from "./connection-set.ts";
import { ContainedListener, type ProtocolConnection } from "./contained-listener.ts";
import { Door } from "./door.ts";
import type { ListenAddress, ListenOptions, WebSocketListenOptions } from "./listen-options.ts";
import { Listeners } from "./listeners.ts";
import type { Transport, TransportAcceptor } from "./transport.ts";

export interface ProtocolListenerOptions<C extends ProtocolConnection> {
  /** Name of the protocol, for people: "AMQP". */
  readonly protocol: string;
  readonly logger: Logger;
  readonly clock: Clock;
  /** All listeners of a process share one. Default: one that lets everybody in. */
  readonly door?: Door | undefined;
  /** Takes what a connection throws. Default: one of the listener's own. */
  readonly containment?: Containment | undefined;
  /** From the accepted socket to `Transport.loggedIn`. */
  readonly handshakeTimeoutMs: number;
  /** How long clients have to go when the listener closes. */
  readonly shutdownTimeoutMs: number;
  /** Makes a connection of a stream. Null where it is not wanted and was destroyed. */
  readonly connect: (transport: Transport) => C | null;
}

/** Accepts the clients of a protocol, within the bounds of the door and of time, and ends them when it closes. */
export class ProtocolListener<C extends ProtocolConnection> {
  readonly #options: ProtocolListenerOptions<C>;
  readonly #listeners: Listeners;
  readonly #connections = new ConnectionSet<C>();
  readonly #containment: Containment;
  #closing: Promise<void> | null = null;

  constructor(options: ProtocolListenerOptions<C>) {
    const { protocol, logger, clock, handshakeTimeoutMs, door = Door.open(clock, logger) } = options;
    this.#options = options;
    this.#containment = options.containment ?? new Containment(clock, logger, () => undefined);
    const acceptor: TransportAcceptor = {
      accept: (transport) => this.#connect(transport),
      failed: (contained, error) => (contained as ContainedListener<C>).failed(error),
      gone: (contained) => this.#connections.delete((contained as ContainedListener<C>).connection),
    };
    this.#listeners = new Listeners({ protocol, logger, clock, door, handshakeTimeoutMs, acceptor });
  }

  /** Connections that are open now. */
  get size(): number {
    return this.#connections.size;
  }

  get closing(): boolean {
    return this.#closing !== null;
  }

  [Symbol.iterator](): Iterator<C> {
    return this.#connections[Symbol.iterator]();
  }

  /** Opens a port for TCP, or TLS. Without a host it takes every interface. Rejects where the port is not to be had. */
  listen(options: ListenOptions): Promise<readonly ListenAddress[]> {
    return this.#listeners.listen(options);
  }

  /** Opens a port for WebSocket, with or without TLS. Rejects where the port is not to be had. */
  listenWebSocket(options: WebSocketListenOptions): Promise<readonly ListenAddress[]> {
    return this.#listeners.listenWebSocket(options);
  }

  /**
   * Stops accepting: the ports are free when the call returns. `sayGoodbye` asks each client to go; who has not after
   * `shutdownTimeoutMs` is cut off. Resolves when the last one is gone. Calling it again returns the same promise.
   */
  close(sayGoodbye: (connection: C) => void): Promise<void> {
    this.#closing ??= this.#close(sayGoodbye);
    return this.#closing;
  }

  async #close(sayGoodbye: (connection: C) => void): Promise<void> {
    const closed = this.#listeners.close();
    const end = (connection: C): void => {
      this.#containment.run(
        "session",
        () => sayGoodbye(connection),
        () => connection.destroy(),
      );
    };
    await this.#connections.end(this.#options.clock, this.#options.shutdownTimeoutMs, end);
    await closed;
  }

  #connect(transport: Transport): ContainedListener<C> | null {
    try {
      const connection = this.#options.connect(transport);
      if (connection === null) return null;
      this.#connections.add(connection);
      return new ContainedListener(connection, transport, this.#containment);
    } catch (error) {
      this.#failed(transport, error);
      return null;
    }
  }

  #failed(transport: Transport, error: unknown): void {
    this.#containment.failed("socket", error, { peer: `${transport.remoteAddress}:${transport.remotePort}` });
    this.#containment.run("socket", () => transport.destroy());
  }
}
