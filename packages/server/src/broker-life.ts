import { type Broker, SystemClock } from "@jackalope/core";
import { createManagement, type Management } from "@jackalope/management";
import { LeaseLostError } from "@jackalope/storage-redis";
import type { Door } from "@jackalope/transport";
import { boundedLogger } from "./bounded-logger.ts";
import { type BrokerState, healthOf, refusalReason } from "./broker-state.ts";
import type { Config } from "./config/config.ts";
import { Entrance } from "./entrance.ts";
import { type BrokerParts, Leadership, type ProtocolPorts } from "./leadership.ts";
import { listenEverywhere } from "./listen-everywhere.ts";
import { openDoor } from "./open-door.ts";
import { isShared } from "./open-storage.ts";
import { serverVersion } from "./server-version.ts";

/** Ports that are listened on; null for none. They stay the same as long as the broker runs. */
export interface Ports extends ProtocolPorts {
  readonly management: number | null;
}

/** A broker that serves clients, or has served them and waits for its turn to do so again. */
export interface RunningBroker {
  /** The broker behind the listeners; another one after each time that the lease was lost and won. */
  readonly broker: Broker;
  readonly ports: Ports;
  readonly state: BrokerState;
  /**
   * Stops accepting, tells clients (AMQP 320 CONNECTION_FORCED), makes what is buffered durable and lets go of every
   * handle. Calling it again returns the same promise.
   */
  close(): Promise<void>;
}

/** What runs a broker is told about it. */
export interface LifeOptions extends BrokerParts {
  readonly onStateChange?: ((state: BrokerState) => void) | undefined;
  /** The broker had served before, and cannot any more: it is broken, or does not get the lead again. It is closed. */
  readonly onFailure: (error: unknown) => void;
}

/** The broker was closed before it served anybody. */
export class ClosedEarlyError extends Error {
  constructor() {
    super("the broker was closed before it could serve");
    this.name = "ClosedEarlyError";
  }
}

const holdMs = 60_000;

/** The life of one broker on its ports, over any number of times that it leads. */
export class BrokerLife implements RunningBroker {
  readonly #config: Config;
  readonly #options: LifeOptions;
  /** Goes on while no broker does. */
  readonly #clock = new SystemClock();
  readonly #door: Door;
  readonly #entrance: Entrance;
  #state: BrokerState = { kind: "starting" };
  #management: Management | null = null;
  #managementPort: number | null = null;
  #leadership: Leadership | null = null;
  #broker: Broker | null = null;
  #closing: Promise<void> | null = null;

  /** Throws StartError where the TLS files are no good. */
  constructor(config: Config, options: LifeOptions) {
    this.#config = config;
    this.#options = { ...options, logger: boundedLogger(options.logger) };
    const { logger } = this.#options;
    this.#door = openDoor(config, this.#clock, logger);
    const parts = { logger, clock: this.#clock, door: this.#door };
    this.#entrance = new Entrance(config, parts, () => refusalReason(this.#state));
  }

  get broker(): Broker {
    return this.#broker as Broker;
  }

  get ports(): Ports {
    return { ...(this.#entrance.ports as ProtocolPorts), management: this.#managementPort };
  }

  get state(): BrokerState {
    return this.#state;
  }

  /**
   * Resolves when clients are served for the first time, however long another broker leads before. Where it cannot start,
   * everything is closed again. Throws StartError, with one line for a person, where the machine does not let it, and
   * ClosedEarlyError where `close` comes first.
   */
  async start(): Promise<void> {
    try {
      // Management comes first, so that a long recovery can be seen from outside.
      await this.#openManagement();
      await new Promise<void>((resolve, reject) => {
        this.#run(resolve).then(
          () => reject(new ClosedEarlyError()),
          (error: unknown) => {
            reject(error);
            // After the first time nobody waits for the rejection.
            if (this.#broker !== null) void this.#fail(error);
          },
        );
      });
    } catch (error) {
      if (!(error instanceof ClosedEarlyError)) await this.close();
      throw error;
    }
  }

  /** Reads the TLS files anew, for clients that come from now on. */
  reloadTls(): void {
    this.#entrance.reloadTls();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Leads, and whenever the lease is lost leads again. Resolves when it is closed, rejects where it cannot go on. */
  async #run(served: () => void): Promise<void> {
    for (;;) {
      if (isShared(this.#config)) await this.#entrance.refuse();
      try {
        await this.#lead(served);
      } catch (error) {
        if (this.#closing !== null) return;
        if (!(error instanceof LeaseLostError)) throw error;
        await this.#stepDown();
        if (this.#closing !== null) return;
      }
    }
  }

  /** Rejects when the lease is lost, or where it cannot be had. */
  async #lead(served: () => void): Promise<void> {
    // Waiting for others is not starting.
    let startedAtMs = performance.now();
    let lose: (error: Error) => void = () => undefined;
    const lost = new Promise<never>((_, reject) => {
      lose = reject;
    });
    const leadership: Leadership = new Leadership(
      this.#config,
      { ...this.#options, door: this.#door },
      {
        onStandby: (leader) => {
          this.#enter({ kind: "standby", leader });
          this.#options.logger.info({ leader, ...portFields(this.ports) }, "standby: another broker leads");
        },
        onUnreachable: (reason) => this.#enter({ kind: "unreachable", reason }),
        onLease: () => {
          startedAtMs = performance.now();
          this.#enter({ kind: "starting" });
        },
        onLeaseLost: lose,
        onBroken: lose,
      },
    );
    this.#leadership = leadership;
    const serving = leadership
      .open()
      .then((broker) => this.#serve(leadership, broker, performance.now() - startedAtMs));
    await Promise.race([serving, lost]);
    served();
    await lost;
  }

  async #serve(leadership: Leadership, broker: Broker, openedMs: number): Promise<void> {
    if (this.#closing !== null) throw new Error("closed while it was opening");
    const openedAtMs = performance.now();
    await this.#entrance.admit(leadership);
    if (leadership.lost) throw new LeaseLostError();
    this.#broker = broker;
    this.#enter({ kind: "serving" });
    const tookMs = Math.round(openedMs + performance.now() - openedAtMs);
    const facts = { version: serverVersion, store: broker.storage.name, bind: this.#config.bind.join(","), tookMs };
    this.#options.logger.info({ ...portFields(this.ports), ...facts }, "ready");
  }

  /** The lease is lost: sends the clients away, and refuses new ones. */
  async #stepDown(): Promise<void> {
    const leadership = this.#leadership as Leadership;
    await this.#entrance.settled();
    this.#enter({ kind: "starting" });
    const clientsGone = leadership.closeAdapters();
    await this.#entrance.refuse();
    await clientsGone;
    await leadership.close();
  }

  get #storeHealthy(): boolean {
    if (this.#state.kind === "serving") return this.broker.store.healthy;
    return this.#state.kind !== "unreachable";
  }

  #enter(state: BrokerState): void {
    if (this.#state.kind === "stopping") return;
    this.#state = state;
    this.#options.onStateChange?.(state);
  }

  async #openManagement(): Promise<void> {
    const { bind, managementPort } = this.#config;
    if (managementPort === "off") return;
    this.#management = await createManagement({
      broker: () => (this.#state.kind === "serving" ? this.#broker : null),
      health: () => healthOf(this.#state, this.#storeHealthy, this.#broker?.alarms.raised ?? []),
      storeHealthy: () => this.#storeHealthy,
      refusedCount: () => this.#entrance.refusedCount,
      ...{ door: this.#door, clock: this.#clock, logger: this.#options.logger },
      handshakeTimeoutMs: this.#config.handshakeTimeout,
    });
    this.#managementPort = await listenEverywhere(this.#management, bind, managementPort, "managementPort");
  }

  async #fail(error: unknown): Promise<void> {
    await this.close().catch(() => undefined);
    this.#options.onFailure(error);
  }

  async #close(): Promise<void> {
    this.#enter({ kind: "stopping" });
    // The clock's timers do not keep the process, and while a store is waited for there may be nothing else.
    const hold = setInterval(() => undefined, holdMs);
    try {
      await this.#entrance.settled();
      await this.#leadership?.close();
    } finally {
      await this.#entrance.close();
      await this.#management?.close();
      this.#clock.close();
      clearInterval(hold);
    }
  }
}

/** `amqpPort` and so on, for log lines. */
function portFields(ports: Ports): Readonly<Record<string, number | null>> {
  return Object.fromEntries(Object.entries(ports).map(([name, port]) => [`${name}Port`, port as number | null]));
}
