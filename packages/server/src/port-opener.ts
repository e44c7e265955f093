import { type ListenAddress, type ListenOptions, TlsSource } from "@jackalope/transport";
import type { Config, Port } from "./config/config.ts";
import { listenEverywhere } from "./listen-everywhere.ts";
import { readTls } from "./read-tls.ts";

/** Settings that name a port. */
export type PortKey = {
  [Name in keyof Config]: Port extends Config[Name] ? (Config[Name] extends Port ? Name : never) : never;
}[keyof Config];

type Listen = (options: ListenOptions) => Promise<readonly ListenAddress[]>;

/** Opens the ports of adapters as the settings name them, each on every address of `bind`. */
export class PortOpener {
  readonly #config: Config;
  /** What was opened before: a free port stays the same one for who takes it next. */
  readonly #found = new Map<PortKey, number>();
  readonly #tls: TlsSource | undefined;

  /** Throws StartError where the TLS files are no good. */
  constructor(config: Config) {
    this.#config = config;
    const tls = readTls(config);
    this.#tls = tls === undefined ? undefined : new TlsSource(tls);
  }

  /** Reads the TLS files anew, for clients that come from now on; false where none are set. Throws StartError. */
  reloadTls(): boolean {
    const tls = readTls(this.#config);
    if (this.#tls === undefined || tls === undefined) return false;
    this.#tls.replace(tls);
    return true;
  }

  /** The port that is open now, null where it is off. Throws StartError. */
  async open(key: PortKey, listen: Listen): Promise<number | null> {
    const port = this.#found.get(key) ?? this.#config[key];
    if (port === "off") return null;
    const listener = {
      async listen(options: ListenOptions): Promise<{ readonly port: number }> {
        const [{ port: actualPort } = options] = await listen(options);
        return { port: actualPort };
      },
    };
    const actualPort = await listenEverywhere(listener, this.#config.bind, port, key);
    this.#found.set(key, actualPort);
    return actualPort;
  }

  /** The same with TLS: null too where there is no certificate. */
  async openTls(key: PortKey, listen: Listen): Promise<number | null> {
    const tls = this.#tls;
    return tls === undefined ? null : this.open(key, (options) => listen({ ...options, tls }));
  }
}
