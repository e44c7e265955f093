import type { Clock } from "../clock.ts";

export interface LoginDelayOptions {
  readonly clock: Clock;
  /** The longest delay. */
  readonly delayMsMax: number;
  /** Addresses that are remembered; the one that failed longest ago is forgotten first. */
  readonly addressesMax: number;
}

/** Failures of one address that cost nothing: people mistype, and programs come back with an old password. */
const freeFailures = 10;
const firstDelayMs = 50;
/** Without a failure for so long an address is like any other. */
const forgottenAfterMs = 60_000;

interface Failures {
  count: number;
  lastAtMs: number;
}

/**
 * Slows down who guesses passwords: logins from an address that failed often wait before they are looked at, the longer the
 * more they were. A right password waits as well, since an answer that comes at once would be one; `delayMsMax` is what
 * others behind the same address pay at most.
 */
export class LoginDelays {
  readonly #options: LoginDelayOptions;
  /** The one that failed last is the last. */
  readonly #byAddress = new Map<string, Failures>();

  constructor(options: LoginDelayOptions) {
    this.#options = options;
  }

  /** Addresses that are remembered. */
  get size(): number {
    return this.#byAddress.size;
  }

  /** How long a login from `remoteAddress` has to wait, in milliseconds. */
  delayMs(remoteAddress: string): number {
    const failures = this.#byAddress.get(networkOf(remoteAddress));
    if (failures === undefined || this.#forgotten(failures)) return 0;
    const beyond = failures.count - freeFailures;
    if (beyond < 0) return 0;
    return Math.min(firstDelayMs * 2 ** Math.min(beyond, 30), this.#options.delayMsMax);
  }

  /** A login from `remoteAddress` was refused. True where the next ones from there begin to wait. */
  failed(remoteAddress: string): boolean {
    const network = networkOf(remoteAddress);
    const known = this.#byAddress.get(network);
    const count = known === undefined || this.#forgotten(known) ? 0 : known.count;
    this.#byAddress.delete(network);
    if (this.#byAddress.size >= this.#options.addressesMax) {
      const [oldest] = this.#byAddress.keys();
      if (oldest !== undefined) this.#byAddress.delete(oldest);
    }
    this.#byAddress.set(network, { count: count + 1, lastAtMs: this.#options.clock.monotonicMs() });
    return count + 1 === freeFailures;
  }

  #forgotten({ lastAtMs }: Failures): boolean {
    return this.#options.clock.monotonicMs() - lastAtMs >= forgottenAfterMs;
  }
}

/** Who has one address of IPv6 has 2^64 of them: they count as one, by their first four groups. */
function networkOf(address: string): string {
  if (!address.includes(":") || address.includes(".")) return address;
  const [head = "", tail] = address.split("::");
  const first = head === "" ? [] : head.split(":");
  const last = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : 8 - first.length - last.length;
  return [...first, ...new Array<string>(Math.max(zeros, 0)).fill("0"), ...last].slice(0, 4).join(":");
}
