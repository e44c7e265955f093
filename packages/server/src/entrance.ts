import type { Clock, Logger } from "@jackalope/core";
import type { Door } from "@jackalope/transport";
import type { Config } from "./config/config.ts";
import type { Leadership, ProtocolPorts } from "./leadership.ts";
import { PortOpener } from "./port-opener.ts";
import { Refusers } from "./refusers.ts";

/** What an entrance shares with the rest of the process. */
export interface EntranceParts {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly door: Door;
}

/** The ports of a broker, on which either its adapters listen or refusers do. They stay the same from one to the other. */
export class Entrance {
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #reason: () => string;
  readonly #opener: PortOpener;
  /** Conversations with refused clients go on while no broker does. */
  readonly #clock: Clock;
  readonly #door: Door;
  #refusers: Refusers | null = null;
  /** Clients refused before the present refusers were made. */
  #refusedBefore = 0;
  #ports: ProtocolPorts | null = null;
  #opening: Promise<unknown> = Promise.resolve();

  /** `reason` is what refused clients are told. Throws StartError where the TLS files are no good. */
  constructor(config: Config, parts: EntranceParts, reason: () => string) {
    this.#config = config;
    this.#logger = parts.logger;
    this.#clock = parts.clock;
    this.#door = parts.door;
    this.#reason = reason;
    this.#opener = new PortOpener(config);
  }

  /** Null before anybody has listened. */
  get ports(): ProtocolPorts | null {
    return this.#ports;
  }

  /** Clients refused so far. */
  get refusedCount(): number {
    return this.#refusedBefore + (this.#refusers?.refusedCount ?? 0);
  }

  /** Refuses clients, unless that is so already. Throws StartError where a port is not to be had. */
  async refuse(): Promise<void> {
    if (this.#refusers !== null) return;
    this.#refusers = new Refusers(this.#config, {
      ...{ logger: this.#logger, clock: this.#clock, door: this.#door },
      reason: this.#reason,
    });
    await this.#open(this.#refusers);
  }

  /** Has clients served: the ports change hands with nothing in between. Throws StartError. */
  async admit(leadership: Leadership): Promise<void> {
    if (this.#refusers !== null) {
      this.#refusedBefore = this.refusedCount;
      void this.#refusers.close();
      this.#refusers = null;
    }
    await this.#open(leadership);
  }

  /** Reads the TLS files anew; the old ones stay where these are no good. */
  reloadTls(): void {
    try {
      const changed = this.#opener.reloadTls();
      this.#logger.info({}, changed ? "TLS files read again" : "there are no TLS files to read again");
    } catch (error) {
      this.#logger.error({ error: (error as Error).message }, "cannot use the TLS files; those from before stay");
    }
  }

  /** Resolves when nobody is about to open a port: who is closed before would leave it open. */
  async settled(): Promise<void> {
    await this.#opening;
  }

  /** Ends the refusing. Adapters are closed by who made them. */
  async close(): Promise<void> {
    await this.#refusers?.close();
  }

  async #open(listener: Pick<Leadership, "listen">): Promise<void> {
    const opening = listener.listen(this.#opener);
    this.#opening = opening.catch(() => undefined);
    this.#ports = await opening;
  }
}
