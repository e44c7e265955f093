import type { AmqpAdapter } from "@jackalope/amqp-adapter";
import { availableMemoryBytes, Broker, type Clock, type Limits, type Logger, SystemClock } from "@jackalope/core";
import type { StorageEngine } from "@jackalope/core/storage";
import { LeaseLostError } from "@jackalope/storage-redis";
import type { StompAdapter } from "@jackalope/stomp-adapter";
import type { Door } from "@jackalope/transport";
import { AlarmMonitor } from "./alarm-monitor.ts";
import { type AmqpPorts, configuredAmqpAdapter, listenAmqp } from "./amqp-listeners.ts";
import type { Config } from "./config/config.ts";
import { limitKeys } from "./config/limit-keys.ts";
import { diskProbe, memoryProbes, writtenFolders } from "./machine-probes.ts";
import { watermarkBytes } from "./memory-limit.ts";
import { configuredMqttAdapter, listenMqtt, type MqttPorts, type MqttServer } from "./mqtt-listeners.ts";
import { isShared, openStorage, recoveryFailure, type StorageEvents } from "./open-storage.ts";
import type { PortOpener } from "./port-opener.ts";
import { spillAreaOf } from "./spill-area.ts";
import { UnsavedError } from "./start-error.ts";
import { configuredStompAdapter, listenStomp, type StompPorts } from "./stomp-listeners.ts";

/** What may be given ready-made instead of being made from the settings. */
export interface BrokerParts {
  readonly logger: Logger;
  /** Default: the system's. Closed with the broker. */
  readonly clock?: Clock | undefined;
  /** Default: what `config.store` names. Closed with the broker. */
  readonly storage?: StorageEngine | undefined;
}

/** What a leadership tells, beside what its store does. */
export interface LeadershipEvents extends StorageEvents {
  /** The broker cannot keep what it promised by going on, and is to be closed. */
  readonly onBroken: (error: Error) => void;
}

/** Ports that clients come to; null for none. */
export interface ProtocolPorts extends AmqpPorts, MqttPorts, StompPorts {}

interface Adapters {
  readonly amqp: AmqpAdapter;
  readonly stomp: StompAdapter;
  /** Null where every port of MQTT is off. */
  readonly mqtt: MqttServer | null;
}

const noMqttPorts: MqttPorts = { mqtt: null, mqttTls: null, mqttWs: null, mqttWss: null };

/**
 * One stretch of time in which a broker has its store: the engine, the broker on it and its adapters. It ends with `close`
 * and does not begin again; a broker that has lost its lease makes another one.
 */
export class Leadership {
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #onBroken: (error: Error) => void;
  readonly #clock: Clock;
  readonly #door: Door;
  readonly #storage: StorageEngine;
  #opening: Promise<Broker> | null = null;
  #broker: Broker | null = null;
  #monitor: AlarmMonitor | null = null;
  #adapters: Adapters | null = null;
  #adaptersClosing: Promise<void> | null = null;
  #lost = false;
  #closing: Promise<void> | null = null;

  /** Throws StartError where the store cannot be opened. */
  constructor(config: Config, parts: BrokerParts & { readonly door: Door }, events: LeadershipEvents) {
    this.#config = config;
    this.#door = parts.door;
    this.#onBroken = events.onBroken;
    this.#logger = parts.logger;
    this.#clock = parts.clock ?? new SystemClock();
    const onLeaseLost = (error: Error): void => {
      this.#lost = true;
      events.onLeaseLost(error);
    };
    this.#storage = parts.storage ?? openStorage(config, this.#clock, this.#logger, { ...events, onLeaseLost });
  }

  /** True from the loss of the lease on. */
  get lost(): boolean {
    return this.#lost;
  }

  /** Recovers what is stored, in a shared store when this broker's turn has come. Throws StartError among others. */
  open(): Promise<Broker> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  /** Takes clients. Throws StartError where a port is not to be had. */
  async listen(opener: PortOpener): Promise<ProtocolPorts> {
    const { amqp, mqtt, stomp } = this.#adapters as Adapters;
    const amqpPorts = await listenAmqp(amqp, opener);
    const mqttPorts = mqtt === null ? noMqttPorts : await listenMqtt(mqtt, this.#config, opener);
    return { ...amqpPorts, ...mqttPorts, ...(await listenStomp(stomp, this.#config, opener)) };
  }

  /** Sends the clients away. The ports are free when the call returns; resolves when the last client is gone. */
  async closeAdapters(): Promise<void> {
    if (this.#adapters === null) return;
    this.#adaptersClosing ??= this.#closeAdapters(this.#adapters);
    await this.#adaptersClosing;
  }

  /**
   * Sends the clients away, makes what is buffered durable and lets go of the store. Rejects with UnsavedError where the
   * store did not take it.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #open(): Promise<Broker> {
    const broker = await this.#recover();
    if (this.#closing !== null) throw new Error("closed while it was opening");
    this.#broker = broker;
    this.#monitor = this.#newAlarmMonitor(broker);
    await this.#monitor.start();
    const { mqttPort, mqttTlsPort, mqttWsPort, mqttWssPort } = this.#config;
    const hasMqtt = [mqttPort, mqttTlsPort, mqttWsPort, mqttWssPort].some((port) => port !== "off");
    this.#adapters = {
      amqp: configuredAmqpAdapter(broker, this.#config, this.#door),
      // Sessions, retained messages and `$SYS/` are there where somebody may come for them.
      mqtt: hasMqtt ? await configuredMqttAdapter(broker, this.#config, this.#door) : null,
      stomp: configuredStompAdapter(broker, this.#config, this.#door),
    };
    return broker;
  }

  async #recover(): Promise<Broker> {
    const { defaultUser, defaultPassword } = this.#config;
    try {
      return await Broker.open({
        storage: this.#storage,
        spillArea: spillAreaOf(this.#config, this.#clock, this.#logger),
        clock: this.#clock,
        logger: this.#logger,
        limits: limitsOf(this.#config),
        addsOrigin: this.#config.originHeaders,
        onBroken: this.#onBroken,
        sessionsAcrossUsers: this.#config.sessionsAcrossUsers,
        defaultUser: { name: defaultUser, password: defaultPassword, tags: ["administrator"] },
      });
    } catch (error) {
      throw recoveryFailure(error);
    }
  }

  #newAlarmMonitor(broker: Broker): AlarmMonitor {
    const { diskFreeLimit, memoryHighWatermark } = this.#config;
    const availableBytes = availableMemoryBytes();
    return new AlarmMonitor(broker, {
      memory: memoryProbes(broker),
      disk: diskProbe(() => writtenFolders(broker, this.#config)),
      memoryBytesMax: watermarkBytes(memoryHighWatermark, availableBytes),
      availableBytes,
      diskFreeBytesMin: broker.storage.name === "embedded" || broker.store.spillArea !== null ? diskFreeLimit : 0,
    });
  }

  async #closeAdapters({ amqp, mqtt, stomp }: Adapters): Promise<void> {
    await Promise.all([amqp.close(), mqtt?.close(), stomp.close()]);
  }

  async #close(): Promise<void> {
    // Waiting for a lease has no end but this one; a log that is being read is read to its end.
    const waits = this.#broker === null && isShared(this.#config);
    if (!waits) await this.#opening?.catch(() => undefined);
    await this.closeAdapters();
    this.#monitor?.close();
    try {
      await (this.#broker ?? this.#storage).close();
    } catch (error) {
      // What is left of a lost lease is nobody's any more.
      if (!(error instanceof LeaseLostError)) throw new UnsavedError(error);
    } finally {
      this.#clock.close();
    }
  }
}

/** The limits of the core as the settings give them. */
function limitsOf(config: Config): Partial<Limits> {
  const names = Object.keys(limitKeys) as (keyof typeof limitKeys)[];
  const limits = Object.fromEntries(names.map((name) => [name, config[name]])) as Partial<Limits>;
  return { ...limits, messageBytesMax: config.maxMessageSize };
}
