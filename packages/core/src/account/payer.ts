import type { Alarms } from "../alarms.ts";
import { BrokerError } from "../errors.ts";
import type { ByteAccount } from "./byte-account.ts";

/** Definitions leave this share of every account to what connections have open, or nobody could come and take things away. */
const reservedShare = 1 / 8;

/**
 * The accounts that a thing is entered into together. There are two doors, and both are passed before anything is made:
 *
 *     admitDefinition   queues, exchanges, bindings, sessions, records: closed while memory is low
 *     admit             channels, consumers, transactions, bodies on their way: open as long as there is room
 *
 * `add` and `release` do the entries. What recovery finds is added without being asked about: it was admitted once.
 */
export class Payer {
  /** "" where nobody knows who made it. */
  readonly userName: string;
  readonly #alarms: Alarms | null;
  /** The connection's own first, where there is one. */
  readonly #accounts: readonly ByteAccount[];
  #closed = false;

  /** Without alarms its definitions are asked for room alone. */
  constructor(userName: string, alarms: Alarms | null, accounts: readonly ByteAccount[]) {
    this.userName = userName;
    this.#alarms = alarms;
    this.#accounts = accounts;
  }

  /** What stands in the narrowest of the accounts: a connection's where it ends with one, a user's, a virtual host's. */
  get bytes(): number {
    return (this.#accounts[0] as ByteAccount).bytes;
  }

  /** Throws quota-exceeded, saying that `what` is refused, while memory is low and where an account has no room. */
  admitDefinition(bytes: number, what: string): void {
    if (this.#alarms?.isOn("memory")) throw new BrokerError("quota-exceeded", `${what}: memory is low`);
    for (const account of this.#accounts) {
      if (account.bytes + bytes > account.bytesMax * (1 - reservedShare)) throw full(account, what);
    }
  }

  /** Throws quota-exceeded, saying that `what` is refused, where an account has no room. */
  admit(bytes: number, what: string): void {
    for (const account of this.#accounts) if (account.bytes + bytes > account.bytesMax) throw full(account, what);
  }

  /** True where `admit` would let it in: for what is merely not remembered. */
  hasRoom(bytes: number): boolean {
    return this.#accounts.every((account) => account.bytes + bytes <= account.bytesMax);
  }

  add(bytes: number): void {
    if (this.#closed) return;
    for (const account of this.#accounts) account.bytes += bytes;
  }

  /** Takes back what `add` entered. */
  release(bytes: number): void {
    this.add(-bytes);
  }

  /** For a connection's: it has ended with everything that it had open. Nothing is entered or released any more. */
  close(): void {
    this.release(this.bytes);
    this.#closed = true;
  }
}

function full({ title, bytesMax }: ByteAccount, what: string): BrokerError {
  return new BrokerError("quota-exceeded", `${what}: topology memory limit of ${title} (${bytesMax} bytes) is reached`);
}
