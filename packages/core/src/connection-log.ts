import type { Broker } from "./broker.ts";
import type { LogFields, Logger } from "./logger.ts";

export interface ConnectionLogOptions {
  readonly broker: Broker;
  readonly logger: Logger;
  /** `address:port` of the client. */
  readonly peer: string;
  readonly remoteAddress: string;
}

/** Who has ended a connection. */
export type EndedBy = "client" | "broker";

/**
 * What the log tells of one connection: a line for its login and one for its end, in all protocols alike. Of clients that
 * were never logged in it tells sparingly that they were refused.
 */
export class ConnectionLog {
  readonly #options: ConnectionLogOptions;
  /** Who is connected, and since when; null before the login. */
  #opened: { readonly facts: LogFields; readonly atMs: number } | null = null;
  #over = false;

  constructor(options: ConnectionLogOptions) {
    this.#options = options;
  }

  /** The client has logged in. The line of the end repeats `facts`, and not `more`. */
  opened(facts: LogFields, more: LogFields = {}): void {
    const { broker, logger, peer } = this.#options;
    this.#opened = { facts, atMs: broker.clock.nowMs() };
    logger.info({ peer, ...facts, ...more }, "connection opened");
  }

  /** The connection is over as connections are. Only the first reason counts, of this and of `refused`. */
  closed(by: EndedBy, reason: string): void {
    if (this.#over) return;
    this.#over = true;
    const line = this.#endOf(by, { reason });
    if (line !== null) this.#options.logger.info(line, "connection closed");
  }

  /** The broker ends the connection for what the client did or left undone. */
  refused(reason: string, more: LogFields = {}): void {
    if (this.#over) return;
    this.#over = true;
    const { broker, logger, peer, remoteAddress } = this.#options;
    const line = this.#endOf("broker", { ...more, reason });
    if (line !== null) logger.warn(line, "connection closed");
    else broker.users.refusals.warn(remoteAddress, { peer, ...more, reason }, "connection refused");
  }

  /** Null for a client that was not logged in. */
  #endOf(by: EndedBy, more: LogFields): LogFields | null {
    if (this.#opened === null) return null;
    const { broker, peer } = this.#options;
    const { facts, atMs } = this.#opened;
    return { peer, ...facts, lastedMs: Math.round(broker.clock.nowMs() - atMs), by, ...more };
  }
}
