import { type Clock, type Logger, silentLogger } from "@jackalope/core";
import type { StorageEngine } from "@jackalope/core/storage";
import type { Config } from "./config/config.ts";
import { optionSource, resolveConfig } from "./config/resolve-config.ts";
import { BrokerLife, type RunningBroker } from "./broker-life.ts";
import type { BrokerState } from "./broker-state.ts";

/**
 * Settings of an embedded broker, under the names of `Config`. Numbers are bytes or milliseconds; text such as "64MiB"
 * or "10s" is fine too.
 */
export type CreateBrokerOptions = { readonly [Name in keyof Config]?: Config[Name] | string } & {
  /** Default: silent. */
  readonly logger?: Logger;
  /** A storage engine of your own, in place of `store`. Closed with the broker. */
  readonly storage?: StorageEngine;
  /** A clock of your own, for tests. Closed with the broker. */
  readonly clock?: Clock;
  /** Told where the broker stands: with a store that several share it may stand by, before it serves and later again. */
  readonly onStateChange?: (state: BrokerState) => void;
  /** Ends a broker that waits for its turn: `createBroker` rejects with ClosedEarlyError. */
  readonly signal?: AbortSignal;
};

/** What differs from the command: nothing is kept, AMQP alone on a free port, and no way in from another machine. */
const embeddedDefaults = optionSource({
  store: "memory",
  bind: "127.0.0.1",
  amqpPort: 0,
  amqpTlsPort: "off",
  mqttPort: "off",
  mqttTlsPort: "off",
  mqttWsPort: "off",
  mqttWssPort: "off",
  stompPort: "off",
  stompTlsPort: "off",
  stompWsPort: "off",
  stompWssPort: "off",
  managementPort: "off",
});

/**
 * Runs a broker inside this program: without options one that keeps nothing, on a free port of 127.0.0.1. Throws
 * ConfigError for a setting that is not allowed and StartError where the machine does not let it start. With a store that
 * several brokers share it resolves when this one serves.
 *
 *     const broker = await createBroker();
 *     const connection = await connect(broker.url);
 *     …
 *     await broker.close();
 */
export async function createBroker(options: CreateBrokerOptions = {}): Promise<EmbeddedBroker> {
  const { logger = silentLogger, storage, clock, onStateChange, signal, ...settings } = options;
  const config = resolveConfig([optionSource(settings), embeddedDefaults]);
  const onFailure = (error: unknown): void => {
    logger.error({ error: (error as Error).message }, "the broker has ended");
  };
  const life = new BrokerLife(config, { logger, storage, clock, onStateChange, onFailure });
  const abort = (): void => void life.close();
  signal?.addEventListener("abort", abort, { once: true });
  await life.start();
  signal?.removeEventListener("abort", abort);
  return {
    get broker() {
      return life.broker;
    },
    get state() {
      return life.state;
    },
    ports: life.ports,
    url: amqpUrl(config, life.ports.amqp),
    close: () => life.close(),
  };
}

/** A running broker and the way to it. */
export interface EmbeddedBroker extends RunningBroker {
  /** An AMQP URL with the default user in it, or an empty text where AMQP is off. */
  readonly url: string;
}

function amqpUrl(config: Config, port: number | null): string {
  if (port === null) return "";
  const [address = ""] = config.bind;
  const host = address === "::" || address === "0.0.0.0" ? "127.0.0.1" : address;
  const credentials = `${encodeURIComponent(config.defaultUser)}:${encodeURIComponent(config.defaultPassword)}`;
  return `amqp://${credentials}@${host.includes(":") ? `[${host}]` : host}:${port}`;
}
