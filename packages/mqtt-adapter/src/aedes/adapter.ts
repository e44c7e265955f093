import { BrokerError, type VirtualHost } from "@jackalope/core/adapter";
import {
  type ListenAddress,
  type ListenOptions,
  ProtocolListener,
  type WebSocketPortOptions,
} from "@jackalope/transport";
import { AdapterTerms } from "../adapter-terms.ts";
import type { MqttAdapterOptions } from "../options.ts";
import { webSocketTerms } from "../web-socket-terms.ts";
import { AedesConnection, type ConnectionHost } from "./connection.ts";
import { HostServer } from "./server-of-host.ts";
import type { TransportStream } from "./transport-stream.ts";

/** Listens for MQTT 3.1 and 3.1.1 as the native adapter does, and has aedes serve it: a server a virtual host. */
export class AedesAdapter extends AdapterTerms implements ConnectionHost {
  readonly #listener: ProtocolListener<AedesConnection>;
  readonly #servers = new Map<VirtualHost, Promise<HostServer>>();
  readonly #unsubscribe: () => void;
  #closing: Promise<void> | null = null;

  constructor(options: MqttAdapterOptions) {
    super(options);
    this.#listener = new ProtocolListener({
      ...this.listenerTerms,
      connect: (transport) => new AedesConnection(transport, this),
    });
    this.#unsubscribe = this.broker.alarms.subscribe(() => {
      const { alarms, turn } = this.broker;
      alarms.lookForEach(turn, this.#listener, (connection) => connection.throttle());
    });
  }

  /** Clients that are connected now. */
  get connectionCount(): number {
    return this.#listener.size;
  }

  /** Opens a listener for TCP, or TLS. Without a host it takes every interface. Rejects where the port is not to be had. */
  async listen(options: ListenOptions): Promise<readonly ListenAddress[]> {
    await this.#startServers();
    return this.#listener.listen(options);
  }

  /** Opens a listener for WebSocket, on the paths `/ws` and `/mqtt`. Rejects where the port is not to be had. */
  async listenWebSocket(options: WebSocketPortOptions): Promise<readonly ListenAddress[]> {
    await this.#startServers();
    return this.#listener.listenWebSocket({ ...options, ...webSocketTerms });
  }

  /** Stops accepting and ends the clients, whose wills are published. Sessions stay for the next start. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  // ConnectionHost

  async serve(stream: TransportStream, virtualHost: string): Promise<void> {
    const server = await this.#server(virtualHost);
    if (this.#closing !== null) throw new Error("the broker is shutting down");
    server.serve(stream);
  }

  /** Sessions that are away get their messages from the start, not from the first client's coming. */
  async #startServers(): Promise<void> {
    for (const name of this.broker.virtualHosts.keys()) await this.#server(name);
  }

  #server(name: string): Promise<HostServer> {
    const { broker, logger, exchange, limits } = this;
    this.#endServersWithoutHost();
    const host = broker.virtualHosts.get(name);
    if (host === undefined) throw new BrokerError("not-found", `vhost ${name} not found`);
    let starting = this.#servers.get(host);
    if (starting === undefined) {
      const server = new HostServer({ broker, logger, virtualHost: name, exchange, limits });
      starting = server.start().then(() => server);
      this.#servers.set(host, starting);
      // The next client may find it better.
      starting.catch(() => this.#servers.delete(host));
    }
    return starting;
  }

  /** Virtual hosts that were deleted have lost their clients already. */
  #endServersWithoutHost(): void {
    for (const [host, starting] of this.#servers) {
      if (this.broker.virtualHosts.get(host.name) === host) continue;
      this.#servers.delete(host);
      this.broker.containment.watch(
        "background",
        starting.then((server) => server.close()),
      );
    }
  }

  async #close(): Promise<void> {
    this.#unsubscribe();
    // aedes ends them, with their wills.
    const closed = this.#listener.close(() => undefined);
    for (const starting of this.#servers.values()) await (await starting).close();
    for (const connection of this.#listener) connection.destroy();
    await closed;
  }
}

/** Makes an adapter with aedes for its engine: the same options, listeners, users and permissions as `createMqttAdapter`. */
export function createAedesAdapter(options: MqttAdapterOptions): AedesAdapter {
  return new AedesAdapter(options);
}
