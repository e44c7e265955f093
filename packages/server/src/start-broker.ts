import { createAmqpAdapter } from "@jackalope/amqp-adapter";
import { Broker, type Clock, type Limits, type Logger, SystemClock } from "@jackalope/core";
import type { StorageEngine } from "@jackalope/core/storage";
import { createManagement, type Health, type Management } from "@jackalope/management";
import { createStompAdapter, type StompAdapter } from "@jackalope/stomp-adapter";
import { AlarmMonitor, machineProbes } from "./alarm-monitor.ts";
import type { Config } from "./config/config.ts";
import { limitKeys } from "./config/limit-keys.ts";
import { type Listener, listenEverywhere } from "./listen-everywhere.ts";
import { availableMemoryBytes, watermarkBytes } from "./memory-limit.ts";
import { openStorage, recoveryFailure } from "./open-storage.ts";
import { serverVersion } from "./server-version.ts";
import { listenStomp, type StompPorts } from "./stomp-listeners.ts";

/** What may be given ready-made instead of being made from the settings. */
export interface BrokerParts {
  readonly logger: Logger;
  /** Default: the system's. Closed with the broker. */
  readonly clock?: Clock | undefined;
  /** Default: what `config.store` names. Closed with the broker. */
  readonly storage?: StorageEngine | undefined;
}

/** Ports that are listened on; null for none. */
export interface Ports extends StompPorts {
  readonly amqp: number | null;
  readonly management: number | null;
}

/** A broker that serves clients. */
export interface RunningBroker {
  readonly broker: Broker;
  readonly ports: Ports;
  /**
   * Stops accepting, tells clients (AMQP 320 CONNECTION_FORCED), makes what is buffered durable and lets go of every
   * handle. Calling it again returns the same promise.
   */
  close(): Promise<void>;
}

type Phase = "starting" | "ready" | "stopping";

/** Composes one broker from its settings. */
class Composition {
  readonly #config: Config;
  readonly #parts: BrokerParts;
  readonly #closers: (() => Promise<void> | void)[] = [];
  #phase: Phase = "starting";
  #broker: Broker | null = null;
  #closing: Promise<void> | null = null;

  constructor(config: Config, parts: BrokerParts) {
    this.#config = config;
    this.#parts = parts;
  }

  /** Starts everything. Where one part cannot start, those before it are closed again. */
  async start(): Promise<RunningBroker> {
    try {
      return await this.#startParts();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Ends the parts, the last one first. */
  close(): Promise<void> {
    this.#closing ??= this.#closeParts();
    return this.#closing;
  }

  async #startParts(): Promise<RunningBroker> {
    const { bind } = this.#config;
    const startedAtMs = performance.now();
    // Management comes first, so that a long recovery can be seen from outside.
    const management = await this.#openManagement();
    const managementPort = await this.#listen(management, this.#config.managementPort, "managementPort");
    const broker = await this.#openBroker();
    await this.#startAlarmMonitor(broker);
    const amqp = this.#config.amqpPort === "off" ? null : this.#openAmqpAdapter(broker);
    const amqpPort = await this.#listen(amqp, this.#config.amqpPort, "amqpPort");
    const stompPorts = await listenStomp(this.#openStompAdapter(broker), this.#config);
    const ports = { amqp: amqpPort, ...stompPorts, management: managementPort };
    this.#phase = "ready";
    const tookMs = Math.round(performance.now() - startedAtMs);
    const facts = { version: serverVersion, store: broker.storage.name, bind: bind.join(","), tookMs };
    const named = Object.fromEntries(Object.entries(ports).map(([name, port]) => [`${name}Port`, port]));
    this.#parts.logger.info({ ...named, ...facts }, "ready");
    return { broker, ports, close: () => this.close() };
  }

  async #openManagement(): Promise<Management | null> {
    if (this.#config.managementPort === "off") return null;
    const management = await createManagement({ broker: () => this.#broker, health: () => this.#health() });
    this.#closers.push(() => management.close());
    return management;
  }

  async #openBroker(): Promise<Broker> {
    const { logger, clock = new SystemClock(), storage: given } = this.#parts;
    this.#closers.push(() => clock.close());
    const storage = given ?? openStorage(this.#config, clock, logger);
    const closeStorage = () => storage.close();
    this.#closers.push(closeStorage);
    const broker = await this.#recover(storage, clock);
    // From here on the broker closes its storage.
    this.#closers.splice(this.#closers.indexOf(closeStorage), 1, () => broker.close());
    this.#broker = broker;
    return broker;
  }

  async #recover(storage: StorageEngine, clock: Clock): Promise<Broker> {
    const { defaultUser, defaultPassword } = this.#config;
    try {
      return await Broker.open({
        storage,
        clock,
        logger: this.#parts.logger,
        limits: limitsOf(this.#config),
        defaultUser: { name: defaultUser, password: defaultPassword, tags: ["administrator"] },
      });
    } catch (error) {
      throw recoveryFailure(error);
    }
  }

  async #startAlarmMonitor(broker: Broker): Promise<void> {
    const { dataDir, diskFreeLimit, memoryHighWatermark } = this.#config;
    const monitor = new AlarmMonitor({
      alarms: broker.alarms,
      clock: broker.clock,
      logger: broker.logger,
      probes: machineProbes(dataDir),
      memoryBytesMax: watermarkBytes(memoryHighWatermark, availableMemoryBytes()),
      diskFreeBytesMin: broker.storage.name === "embedded" ? diskFreeLimit : 0,
    });
    this.#closers.push(() => monitor.close());
    await monitor.start();
  }

  #openAmqpAdapter(broker: Broker): Listener {
    const { heartbeat, frameMax, channelMax, handshakeTimeout } = this.#config;
    const adapter = createAmqpAdapter({
      broker,
      limits: {
        heartbeatSeconds: Math.round(heartbeat / 1000),
        frameBytesMax: frameMax,
        channelsMax: channelMax,
        handshakeTimeoutMs: handshakeTimeout,
      },
    });
    this.#closers.push(() => adapter.close());
    return {
      async listen(options) {
        const [{ port } = options] = await adapter.listen(options);
        return { port };
      },
    };
  }

  #openStompAdapter(broker: Broker): StompAdapter {
    const { stompAnonymousUser: name, stompAnonymousPassword: password, stompBodyMax, handshakeTimeout } = this.#config;
    const adapter = createStompAdapter({
      broker,
      limits: { bodyBytesMax: stompBodyMax, handshakeTimeoutMs: handshakeTimeout },
      anonymousUser: name === "off" ? null : { name, password },
      server: `Jackalope/${serverVersion}`,
    });
    this.#closers.push(() => adapter.close());
    return adapter;
  }

  async #listen(listener: Listener | null, port: number | "off", key: string): Promise<number | null> {
    return listener === null || port === "off" ? null : listenEverywhere(listener, this.#config.bind, port, key);
  }

  async #closeParts(): Promise<void> {
    this.#phase = "stopping";
    for (let close = this.#closers.pop(); close !== undefined; close = this.#closers.pop()) await close();
  }

  #health(): Health {
    if (this.#phase === "starting") return { ready: false, reason: "the broker is starting" };
    if (this.#phase === "stopping") return { ready: false, reason: "the broker is stopping" };
    if (this.#broker?.store.healthy === false) return { ready: false, reason: "the store cannot write" };
    return { ready: true };
  }
}

/** Starts a broker. Throws StartError, with one line for a person, where the machine does not let it. */
export function startBroker(config: Config, parts: BrokerParts): Promise<RunningBroker> {
  return new Composition(config, parts).start();
}

/** The limits of the core as the settings give them. */
function limitsOf(config: Config): Partial<Limits> {
  const names = Object.keys(limitKeys) as (keyof typeof limitKeys)[];
  const limits = Object.fromEntries(names.map((name) => [name, config[name]])) as Partial<Limits>;
  return { ...limits, messageBytesMax: config.maxMessageSize };
}
