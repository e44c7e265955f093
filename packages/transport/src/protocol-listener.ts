import type { Clock, Logger } from "@jackalope/core/adapter";
import { ConnectionSet } from "./connection-set.ts";
import { Door } from "./door.ts";
import type { ListenAddress, ListenOptions, WebSocketListenOptions } from "./listen-options.ts";
import { Listeners } from "./listeners.ts";
import type { Transport, TransportAcceptor, TransportListener } from "./transport.ts";

/** A client's connection as its protocol has it. */
export interface ProtocolConnection extends TransportListener {
  /** Ends it at once. */
  destroy(): void;
}

export interface ProtocolListenerOptions<C extends ProtocolConnection> {
  /** Name of the protocol, for people: "AMQP". */
  readonly protocol: string;
  readonly logger: Logger;
  readonly clock: Clock;
  /** All listeners of a process share one. Default: one that lets everybody in. */
  readonly door?: Door | undefined;
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
  #closing: Promise<void> | null = null;

  constructor(options: ProtocolListenerOptions<C>) {
    const { protocol, logger, clock, handshakeTimeoutMs, door = Door.open(clock, logger) } = options;
    this.#options = options;
    const acceptor: TransportAcceptor = {
      accept: (transport) => this.#connect(transport),
      gone: (connection) => this.#connections.delete(connection as C),
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
    await this.#connections.end(this.#options.clock, this.#options.shutdownTimeoutMs, sayGoodbye);
    await closed;
  }

  #connect(transport: Transport): C | null {
    const connection = this.#options.connect(transport);
    if (connection !== null) this.#connections.add(connection);
    return connection;
  }
}
