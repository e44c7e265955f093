import type { Server, TlsOptions } from "node:tls";

/** What listeners with TLS show to clients. It may change while they listen: certificates run out. */
export class TlsSource {
  readonly #servers = new Set<Server>();
  #options: TlsOptions;

  constructor(options: TlsOptions) {
    this.#options = options;
  }

  /** Options that do not change stand for a source. */
  static of(source: TlsOptions | TlsSource): TlsSource {
    return source instanceof TlsSource ? source : new TlsSource(source);
  }

  get options(): TlsOptions {
    return this.#options;
  }

  /** `server` follows the changes from now on. */
  attach(server: Server): void {
    this.#servers.add(server);
  }

  detach(server: Server): void {
    this.#servers.delete(server);
  }

  /**
   * For handshakes from now on; connections stay as they are. Certificates, keys and authorities change, whether clients
   * are asked for a certificate does not. Throws where OpenSSL does not take them, and changes nothing then.
   */
  replace(options: TlsOptions): void {
    // The first one throws, or none does.
    for (const server of this.#servers) server.setSecureContext(options);
    this.#options = options;
  }
}
