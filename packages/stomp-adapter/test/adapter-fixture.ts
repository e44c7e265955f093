import { Broker, MemoryStorage, type LogFields } from "@jackalope/core";
import type { Clock, ClientConnection, Limits, Queue } from "@jackalope/core/adapter";
import type { StorageEngine } from "@jackalope/core/storage";
import { connectGuest } from "@jackalope/testkit";
import { afterEach } from "vitest";
import { createStompAdapter, type StompAdapter, type StompAdapterOptions } from "../src/index.ts";
import { RawClient } from "./raw-client.ts";

/** A broker in memory with STOMP listeners on free ports, and the clients of one test. */
export interface AdapterFixture {
  readonly broker: Broker;
  readonly adapter: StompAdapter;
  readonly port: number;
  readonly webSocketPort: number;
  /** Warnings and worse, as text with the explanation behind it. */
  readonly log: string[];
  /** A raw client that said nothing yet. */
  socket(): Promise<RawClient>;
  /** A raw client after its login. */
  client(headers?: Readonly<Record<string, string>>): Promise<RawClient>;
  webSocket(options?: Parameters<typeof RawClient.connectWebSocket>[1]): Promise<RawClient>;
  /** A client of the core, for topology and messages of other protocols. */
  core(userName?: string): ClientConnection;
}

interface FixtureOptions extends Partial<Omit<StompAdapterOptions, "broker">> {
  readonly brokerLimits?: Partial<Limits>;
  readonly clock?: Clock;
  readonly storage?: StorageEngine;
  readonly origins?: readonly string[];
}

const cleanups: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Starts a broker that ends with the test. */
export async function startAdapter(options: FixtureOptions = {}): Promise<AdapterFixture> {
  const { brokerLimits, clock, storage, origins, ...adapterOptions } = options;
  const log: string[] = [];
  const keep = (fields: LogFields, text: string): void => {
    log.push(`${text}: ${String(fields["reason"] ?? fields["stack"] ?? "")}`);
  };
  const logger = { debug() {}, info() {}, warn: keep, error: keep };
  const broker = await Broker.open({
    storage: storage ?? new MemoryStorage(),
    logger,
    ...(brokerLimits === undefined ? {} : { limits: brokerLimits }),
    ...(clock === undefined ? {} : { clock }),
  });
  const adapter = createStompAdapter({ broker, ...adapterOptions });
  const [address] = await adapter.listen({ host: "127.0.0.1", port: 0 });
  const [webSocketAddress] = await adapter.listenWebSocket({
    host: "127.0.0.1",
    port: 0,
    ...(origins === undefined ? {} : { origins }),
  });
  const port = address?.port ?? 0;
  const webSocketPort = webSocketAddress?.port ?? 0;
  cleanups.push(async () => {
    await adapter.close();
    await broker.close();
  });
  const kept = async (connecting: Promise<RawClient>): Promise<RawClient> => {
    const client = await connecting;
    cleanups.push(() => client.destroy());
    return client;
  };
  return {
    broker,
    adapter,
    port,
    webSocketPort,
    log,
    socket: () => kept(RawClient.connect(port)),
    client: async (headers) => {
      const client = await kept(RawClient.connect(port));
      await client.login(headers);
      return client;
    },
    webSocket: (webSocketOptions) => kept(RawClient.connectWebSocket(webSocketPort, webSocketOptions)),
    core: (userName) => coreClient(broker, userName),
  };
}

/** The queue of that name in the default virtual host. */
export function queueOf(fixture: AdapterFixture, name: string): Queue | undefined {
  return fixture.broker.virtualHosts.get("/")?.queues.get(name);
}

export function queueNames(fixture: AdapterFixture): string[] {
  return [...(fixture.broker.virtualHosts.get("/")?.queues.keys() ?? [])];
}

function coreClient(broker: Broker, userName?: string): ClientConnection {
  const client = connectGuest(broker, "/", userName);
  cleanups.push(() => void client.close());
  return client;
}
