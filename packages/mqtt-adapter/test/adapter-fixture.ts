import { Broker, MemoryStorage, type LogFields } from "@jackalope/core";
import type { Clock, ClientConnection, Limits } from "@jackalope/core/adapter";
import type { StorageEngine } from "@jackalope/core/storage";
import { openLogStorage } from "@jackalope/storage-log";
import { connectGuest, FaultyDisk } from "@jackalope/testkit";
import { afterEach } from "vitest";
import { createMqttAdapter, type MqttAdapter, type MqttAdapterOptions } from "../src/index.ts";
import { type ConnectOptions, RawClient } from "./raw-client.ts";

/** A broker with an MQTT listener on a free port, and the clients of one test. */
export interface AdapterFixture {
  readonly broker: Broker;
  readonly adapter: MqttAdapter;
  readonly port: number;
  /** Warnings and worse, as text with the facts behind it. */
  readonly log: string[];
  /** A raw client that said nothing yet. */
  socket(): Promise<RawClient>;
  /** A raw client after its login; without options version 5, a clean start, as guest. */
  client(options?: ConnectOptions): Promise<RawClient>;
  /** A client of the core, for topology and messages of other protocols. */
  core(userName?: string): ClientConnection;
  /** Ends adapter and broker as a server does, before the test ends. */
  close(): Promise<void>;
  /** Lets go of the sockets of a broker whose disk is gone. */
  abandon(): Promise<void>;
}

export interface FixtureOptions extends Partial<Omit<MqttAdapterOptions, "broker">> {
  readonly brokerLimits?: Partial<Limits>;
  readonly clock?: Clock;
  /** Default: memory. */
  readonly storage?: StorageEngine;
  readonly loopbackUsers?: readonly string[];
  /** Messages get headers that tell who published them. */
  readonly addsOrigin?: boolean;
  readonly sessionsAcrossUsers?: boolean;
}

const cleanups: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Starts a broker that ends with the test. */
export async function startAdapter(options: FixtureOptions = {}): Promise<AdapterFixture> {
  const { brokerLimits, clock, storage, loopbackUsers, addsOrigin = false, ...rest } = options;
  const { sessionsAcrossUsers = false, ...adapterOptions } = rest;
  const log: string[] = [];
  const keep = (fields: LogFields, text: string): void => {
    log.push(`${text}: ${Object.values(fields).map(String).join(" ")}`);
  };
  const logger = { debug() {}, info() {}, warn: keep, error: keep };
  const broker = await Broker.open({
    storage: storage ?? new MemoryStorage(),
    logger,
    addsOrigin,
    sessionsAcrossUsers,
    ...(brokerLimits === undefined ? {} : { limits: brokerLimits }),
    ...(clock === undefined ? {} : { clock }),
    ...(loopbackUsers === undefined ? {} : { loopbackUsers }),
  });
  const adapter = createMqttAdapter({ broker, ...adapterOptions });
  const [address] = await adapter.listen({ host: "127.0.0.1", port: 0 });
  const port = address?.port ?? 0;
  let abandoned = false;
  const close = async (): Promise<void> => {
    await adapter.close();
    if (!abandoned) await broker.close();
    abandoned = true;
  };
  cleanups.push(close);
  const socket = async (): Promise<RawClient> => {
    const client = await RawClient.connect(port);
    cleanups.push(() => client.destroy());
    return client;
  };
  return {
    broker,
    adapter,
    port,
    log,
    socket,
    client: async (connectOptions) => {
      const client = await socket();
      await client.login(connectOptions);
      return client;
    },
    core: (userName) => coreClient(broker, userName),
    close,
    abandon: () => {
      abandoned = true;
      return close();
    },
  };
}

/** A disk that outlives brokers: each `start` is a broker on what the one before left. */
export class TestDisk {
  readonly #disk = new FaultyDisk();

  start(options: Omit<FixtureOptions, "storage"> = {}): Promise<AdapterFixture> {
    const { clock } = options;
    const files = this.#disk.process();
    return startAdapter({
      ...options,
      storage: openLogStorage({ directory: "/data", files, ...(clock === undefined ? {} : { clock }) }),
    });
  }

  /** The power goes: only what was synced is left, and the broker on it gets no further. */
  async crash(fixture: AdapterFixture): Promise<void> {
    this.#disk.crash("none", () => 0);
    await fixture.abandon();
  }
}

function coreClient(broker: Broker, userName?: string): ClientConnection {
  const client = connectGuest(broker, "/", userName);
  cleanups.push(() => void client.close());
  return client;
}
