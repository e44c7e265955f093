import { type Clock, type Logger, SparingLog, type Timer } from "@jackalope/core/adapter";
import { defaultDoorLimits } from "./door-limits.ts";

/** Who comes: a client of a protocol, or whoever looks after the broker (health checks, metrics). */
export type VisitorKind = "client" | "management";

/**
 * Why a socket was closed unheard: `connections-max` is reached, the process' descriptors are spent, too many of one
 * address have not logged in; or the system itself could not accept it.
 */
export type DoorRefusal = "connections" | "descriptors" | "address" | "system";

export interface DoorOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Sockets at a time, over all listeners. */
  readonly connectionsMax: number;
  /** Sockets that the process' descriptors allow; null where nobody knows. */
  readonly descriptorsMax: number | null;
  /** Sockets of one address whose clients have not logged in. */
  readonly unauthenticatedPerAddressMax: number;
}

const logIntervalMs = 1000;

/**
 * The way in of a process. All its listeners share one: sockets are counted when they are accepted, and beyond a bound
 * the newest is closed, so that those who are served stay so.
 */
export class Door {
  /** For what strangers cause behind the door. */
  readonly log: SparingLog;
  readonly #options: DoorOptions;
  /** Clients that have not logged in, by address. */
  readonly #unauthenticated = new Map<string, number>();
  readonly #refused: Record<DoorRefusal, number> = { connections: 0, descriptors: 0, address: 0, system: 0 };
  #socketCount = 0;
  /** Since the last log line. */
  #unloggedCount = 0;
  /** The refusal of last: by the time of its line those who filled the house may have left. */
  #last: { readonly reason: DoorRefusal; readonly peer: string; readonly open: number } | null = null;
  #logTimer: Timer | null = null;

  constructor(options: DoorOptions) {
    this.#options = options;
    this.log = new SparingLog(options.clock, options.logger);
  }

  /** A door that lets everybody in, for adapters that were given none. */
  static open(clock: Clock, logger: Logger): Door {
    const unbounded = Number.POSITIVE_INFINITY;
    return new Door({
      clock,
      logger,
      connectionsMax: unbounded,
      descriptorsMax: null,
      unauthenticatedPerAddressMax: unbounded,
    });
  }

  /** Sockets that are open now. */
  get socketCount(): number {
    return this.#socketCount;
  }

  /** Clients are refused. */
  get isFull(): boolean {
    const { connectionsMax, descriptorsMax } = this.#options;
    return this.#socketCount >= Math.min(connectionsMax, descriptorsMax ?? Number.POSITIVE_INFINITY);
  }

  /** Sockets refused so far, by reason. */
  get refused(): Readonly<Record<DoorRefusal, number>> {
    return this.#refused;
  }

  /** Counts a socket as one that has not logged in. False where it is one too many; the caller closes it. */
  enter(kind: VisitorKind, address: string): boolean {
    const refusal = this.#refusalOf(kind, address);
    if (refusal !== null) {
      this.#refuse(refusal, address);
      return false;
    }
    this.#socketCount++;
    this.#unauthenticated.set(address, (this.#unauthenticated.get(address) ?? 0) + 1);
    return true;
  }

  /** Who entered from `address` has logged in, or goes without. */
  forgetUnauthenticated(address: string): void {
    const left = (this.#unauthenticated.get(address) ?? 0) - 1;
    if (left > 0) this.#unauthenticated.set(address, left);
    else this.#unauthenticated.delete(address);
  }

  /** A socket that entered is closed. */
  leave(): void {
    this.#socketCount--;
  }

  /** The system could not accept a socket: descriptors or memory are spent. */
  acceptFailed(error: Error): void {
    this.#refuse("system", error.message);
  }

  #refusalOf(kind: VisitorKind, address: string): DoorRefusal | null {
    const { connectionsMax, descriptorsMax, unauthenticatedPerAddressMax } = this.#options;
    const count = this.#socketCount - (kind === "management" ? defaultDoorLimits.managementReserve : 0);
    if (descriptorsMax !== null && count >= descriptorsMax) return "descriptors";
    if (count >= connectionsMax) return "connections";
    return (this.#unauthenticated.get(address) ?? 0) >= unauthenticatedPerAddressMax ? "address" : null;
  }

  /** Who is refused comes again at once, often: one log line a second tells of all. */
  #refuse(reason: DoorRefusal, peer: string): void {
    this.#refused[reason]++;
    this.#unloggedCount++;
    this.#last = { reason, peer, open: this.#socketCount };
    if (this.#logTimer === null) this.#log();
  }

  #log(): void {
    const { clock, logger } = this.#options;
    const facts = { ...this.#last, refused: this.#unloggedCount, total: this.#refusedCount };
    logger.warn(facts, "connections refused at the door");
    this.#unloggedCount = 0;
    this.#logTimer = clock.after(logIntervalMs, () => {
      this.#logTimer = null;
      if (this.#unloggedCount > 0) this.#log();
    });
  }

  get #refusedCount(): number {
    return Object.values(this.#refused).reduce((sum, count) => sum + count, 0);
  }
}
