import { Broker, MemoryStorage, type LogFields } from "@jackalope/core";
import type { Clock, Limits } from "@jackalope/core/adapter";
import type { StorageEngine } from "@jackalope/core/storage";
import { afterEach } from "vitest";
import { type AmqpAdapter, type AmqpLimits, createAmqpAdapter } from "../src/index.ts";
import { type HandshakeOptions, RawClient } from "./raw-client.ts";

/** A broker in memory with an AMQP listener on a free port, and the clients of one test. */
export interface AdapterFixture {
  readonly broker: Broker;
  readonly adapter: AmqpAdapter;
  readonly port: number;
  /** Warnings and worse, as text with the explanation behind it. */
  readonly log: string[];
  /** A raw socket. */
  socket(): Promise<RawClient>;
  /** A raw client after its handshake, with channel 1 open. */
  client(options?: HandshakeOptions): Promise<RawClient>;
}

interface FixtureOptions {
  readonly limits?: Partial<AmqpLimits>;
  readonly brokerLimits?: Partial<Limits>;
  readonly clock?: Clock;
  readonly storage?: StorageEngine;
}

const cleanups: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Starts a broker that ends with the test. */
export async function startAdapter(options: FixtureOptions = {}): Promise<AdapterFixture> {
  const log: string[] = [];
  const keep = (fields: LogFields, text: string): void => {
    log.push(`${text}: ${String(fields["reason"] ?? fields["stack"] ?? "")}`);
  };
  const logger = { debug() {}, info() {}, warn: keep, error: keep };
  const broker = await Broker.open({
    storage: options.storage ?? new MemoryStorage(),
    logger,
    ...(options.brokerLimits === undefined ? {} : { limits: options.brokerLimits }),
    ...(options.clock === undefined ? {} : { clock: options.clock }),
  });
  const limits: Partial<AmqpLimits> = { refusalDelayMs: 20, ...options.limits };
  const adapter = createAmqpAdapter({ broker, limits });
  const [address] = await adapter.listen({ host: "127.0.0.1", port: 0 });
  const port = address?.port ?? 0;
  cleanups.push(async () => {
    await adapter.close();
    await broker.close();
  });
  const socket = async (): Promise<RawClient> => {
    const client = await RawClient.connect(port);
    cleanups.push(() => client.destroy());
    return client;
  };
  const client = async (handshake?: HandshakeOptions): Promise<RawClient> => {
    const raw = await socket();
    await raw.handshake(handshake);
    await raw.openChannel(1);
    return raw;
  };
  return { broker, adapter, port, log, socket, client };
}
