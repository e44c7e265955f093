import type { Alarms } from "../alarms.ts";
import type { Limits } from "../limits.ts";
import { ByteAccount } from "./byte-account.ts";
import { Payer } from "./payer.ts";

/** The bounds of the accounts in bytes. */
export type TopologyLimits = Pick<
  Limits,
  "topologyBytesMax" | "virtualHostTopologyBytesMax" | "userTopologyBytesMax" | "connectionTopologyBytesMax"
>;

/**
 * The memory of everything that is no message: what is defined, and what connections have open. Each thing is entered
 * with an estimate of its heap (topology-bytes.ts) for the broker, its virtual host, the user who made it, and its
 * connection where it ends with that.
 */
export class TopologyAccounts {
  readonly total: ByteAccount;
  readonly #alarms: Alarms;
  readonly #limits: TopologyLimits;
  readonly #virtualHosts = new Map<string, ByteAccount>();
  readonly #users = new Map<string, ByteAccount>();
  /** By virtual host, then by user; `""` for what nobody made. */
  readonly #payers = new Map<string, Map<string, Payer>>();

  constructor(limits: TopologyLimits, alarms: Alarms) {
    this.#limits = limits;
    this.#alarms = alarms;
    this.total = new ByteAccount("the broker", limits.topologyBytesMax);
  }

  get virtualHosts(): ReadonlyMap<string, ByteAccount> {
    return this.#virtualHosts;
  }

  /** Users that made something once, also those that are gone. */
  get users(): ReadonlyMap<string, ByteAccount> {
    return this.#users;
  }

  /** Who pays for what `user` makes in a virtual host and leaves there; "" for a user that is not known. */
  payer(virtualHost: string, user: string): Payer {
    let payers = this.#payers.get(virtualHost);
    if (payers === undefined) this.#payers.set(virtualHost, (payers = new Map()));
    let payer = payers.get(user);
    if (payer === undefined) payers.set(user, (payer = new Payer(user, this.#alarms, this.#shared(virtualHost, user))));
    return payer;
  }

  /** Who pays for what ends with a connection; a system's is not refused while memory is low. */
  connectionPayer(virtualHost: string, user: string, connection: string, isSystem = false): Payer {
    const own = new ByteAccount(`connection '${connection}'`, this.#limits.connectionTopologyBytesMax);
    return new Payer(user, isSystem ? null : this.#alarms, [own, ...this.#shared(virtualHost, user)]);
  }

  /** A virtual host is gone, and all that was in it. */
  forgetVirtualHost(name: string): void {
    this.#payers.delete(name);
    this.#virtualHosts.delete(name);
  }

  #shared(virtualHost: string, user: string): readonly ByteAccount[] {
    const { virtualHostTopologyBytesMax, userTopologyBytesMax } = this.#limits;
    const host = accountIn(this.#virtualHosts, virtualHost, `vhost '${virtualHost}'`, virtualHostTopologyBytesMax);
    if (user === "") return [host, this.total];
    return [accountIn(this.#users, user, `user '${user}'`, userTopologyBytesMax), host, this.total];
  }
}

function accountIn(accounts: Map<string, ByteAccount>, name: string, title: string, bytesMax: number): ByteAccount {
  let account = accounts.get(name);
  if (account === undefined) accounts.set(name, (account = new ByteAccount(title, bytesMax)));
  return account;
}
