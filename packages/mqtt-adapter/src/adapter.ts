import type { VirtualHost } from "@jackalope/core/adapter";
import {
  type ListenAddress,
  type ListenOptions,
  ProtocolListener,
  type WebSocketPortOptions,
} from "@jackalope/transport";
import { AdapterTerms } from "./adapter-terms.ts";
import { type ConnectionHost, MqttConnection } from "./connection.ts";
import { MqttVirtualHost } from "./mqtt-virtual-host.ts";
import type { MqttAdapterOptions } from "./options.ts";
import { Traffic } from "./traffic.ts";
import { webSocketTerms } from "./web-socket-terms.ts";

const systemTopicsIntervalMsDefault = 10_000;

/** Listens for MQTT 3.1, 3.1.1 and 5 over TCP, TLS and WebSocket, and keeps count of its connections. */
export class MqttAdapter extends AdapterTerms implements ConnectionHost {
  readonly traffic: Traffic = new Traffic();
  readonly #systemTopicsIntervalMs: number;
  readonly #listener: ProtocolListener<MqttConnection>;
  readonly #homes = new Map<VirtualHost, MqttVirtualHost>();
  readonly #unsubscribe: () => void;
  #closing: Promise<void> | null = null;

  constructor(options: MqttAdapterOptions) {
    super(options);
    this.#systemTopicsIntervalMs = options.systemTopicsIntervalMs ?? systemTopicsIntervalMsDefault;
    this.#listener = new ProtocolListener({
      ...this.listenerTerms,
      connect: (transport) => new MqttConnection(transport, this),
    });
    // Sessions, their timers and retained messages go on from the start, not from the first client's coming.
    for (const host of this.broker.virtualHosts.values()) this.home(host);
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

  /** Opens a listener for WebSocket, on the paths `/ws` and `/mqtt`. Rejects where the port is not to be had. */
  listenWebSocket(options: WebSocketPortOptions): Promise<readonly ListenAddress[]> {
    return this.#listener.listenWebSocket({ ...options, ...webSocketTerms });
  }

  /**
   * Stops accepting, tells clients why (version 5, 0x8B) and waits for them to go, up to `shutdownTimeoutMs`. Sessions stay
   * for the next start.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  home(virtualHost: VirtualHost): MqttVirtualHost {
    let home = this.#homes.get(virtualHost);
    if (home === undefined) {
      const { broker, limits, logger, exchange, traffic } = this;
      const systemTopicsIntervalMs = this.#systemTopicsIntervalMs;
      const shared = { broker, limits, logger, exchange, systemTopicsIntervalMs, traffic };
      home = new MqttVirtualHost({ host: virtualHost, ...shared });
      this.#homes.set(virtualHost, home);
      virtualHost.records.whenCleared(() => void this.#homes.delete(virtualHost));
    }
    return home;
  }

  async #close(): Promise<void> {
    this.#unsubscribe();
    await this.#listener.close(({ session }) => session.closeForced("shutdown"));
    for (const home of this.#homes.values()) home.close();
  }
}

/** Makes the MQTT adapter of a broker; `listen` and `listenWebSocket` open its ports. */
export function createMqttAdapter(options: MqttAdapterOptions): MqttAdapter {
  return new MqttAdapter(options);
}
