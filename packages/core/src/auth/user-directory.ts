import { type DefinitionKey, definitionKey, definitionValue } from "../definitions.ts";
import { BrokerError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Lsn } from "../storage-engine.ts";
import { PatternError } from "../pattern/pattern-error.ts";
import { SparingLog } from "../sparing-log.ts";
import type { Store } from "../store.ts";
import { checkPattern } from "../pattern/linear-pattern.ts";
import { hashPassword, verifyPassword } from "./password-hash.ts";
import { type PermissionPatterns, type TopicPermissionPatterns, User } from "./user.ts";

interface UserRecord {
  readonly passwordHash: string;
  readonly hashingAlgorithm: "rabbit_password_hashing_sha256";
  readonly tags: readonly string[];
}

/** True for the addresses of this machine, IPv4, IPv6 and IPv4 inside IPv6. */
export function isLoopback(remoteAddress: string): boolean {
  const address = remoteAddress.startsWith("::ffff:") ? remoteAddress.slice("::ffff:".length) : remoteAddress;
  return address === "::1" || address.startsWith("127.");
}

export interface UserDirectoryOptions {
  /** Users that may only come from this machine. */
  readonly loopbackUsers: readonly string[];
  /** Called after every change, so that remembered permissions are looked at again. */
  readonly changed: () => void;
  /** Called for a user that is no longer one. */
  readonly deleted: (user: User) => void;
}

/** Who may connect, and what each may do. Kept by the storage engine; every change resolves when it is durable. */
export class UserDirectory {
  /** What the log says of clients that are not let in, whichever protocol they speak. */
  readonly refusals: SparingLog;
  readonly #users = new Map<string, User>();
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #loopbackUsers: ReadonlySet<string>;
  readonly #options: UserDirectoryOptions;

  constructor(store: Store, logger: Logger, options: UserDirectoryOptions) {
    this.#store = store;
    this.#logger = logger;
    this.refusals = new SparingLog(store.clock, logger);
    this.#loopbackUsers = new Set(options.loopbackUsers);
    this.#options = options;
  }

  get all(): Iterable<User> {
    return this.#users.values();
  }

  get count(): number {
    return this.#users.size;
  }

  find(name: string): User | undefined {
    return this.#users.get(name);
  }

  /** Whether a user may come from this machine only. */
  isLocalOnly(name: string): boolean {
    return this.#loopbackUsers.has(name);
  }

  /** The user, known by other means than a password, where it may come from this address; null otherwise, and a log line. */
  admit(name: string, remoteAddress: string): User | null {
    const user = this.#users.get(name);
    if (user !== undefined && (!this.#loopbackUsers.has(name) || isLoopback(remoteAddress))) return user;
    const why = user === undefined ? "no such user" : "the user may come from this machine only";
    this.refusals.warn(remoteAddress, { user: name, peer: remoteAddress }, `login refused: ${why}`);
    return null;
  }

  /** Adds a user or changes its password and tags. Rejects with precondition-failed where one of them is too long. */
  async put(name: string, password: string, tags: readonly string[]): Promise<User> {
    const { passwordBytesMax } = this.#store.limits;
    if (Buffer.byteLength(password) > passwordBytesMax) {
      throw new BrokerError("precondition-failed", `the password is longer than ${passwordBytesMax} bytes`);
    }
    return this.putHashed(name, hashPassword(password), tags);
  }

  /** As `put`, with a hash from an export of definitions. */
  async putHashed(name: string, passwordHash: string, tags: readonly string[]): Promise<User> {
    const { userNameBytesMax } = this.#store.limits;
    if (Buffer.byteLength(name) > userNameBytesMax) {
      throw new BrokerError("precondition-failed", `the name of the user is longer than ${userNameBytesMax} bytes`);
    }
    const user = this.#users.get(name) ?? new User(name, passwordHash, tags);
    user.passwordHash = passwordHash;
    user.tags = tags;
    this.#users.set(name, user);
    const record: UserRecord = { passwordHash, hashingAlgorithm: "rabbit_password_hashing_sha256", tags };
    await this.#written(this.#store.put(definitionKey("user", name), definitionValue(record)));
    return user;
  }

  /** Removes a user and its permissions, and ends its connections. An unknown one is fine. */
  async delete(name: string): Promise<void> {
    const user = this.#users.get(name);
    if (user === undefined) return;
    this.#users.delete(name);
    const lsn = this.#store.atomic(() => {
      this.#store.put(definitionKey("user", name), null);
      for (const virtualHost of user.virtualHosts) {
        this.#store.put(definitionKey("permission", virtualHost, name), null);
        for (const exchange of user.topicPermissions(virtualHost).keys()) {
          this.#store.put(definitionKey("topic-permission", virtualHost, name, exchange), null);
        }
      }
    });
    // Whoever still holds the object, such as a connection that ends, may do nothing more.
    user.passwordHash = "";
    user.withdrawAll();
    const written = this.#written(lsn);
    this.#options.deleted(user);
    await written;
  }

  /** Withdraws every permission on a virtual host that is being deleted. */
  forgetVirtualHost(virtualHost: string): void {
    for (const user of this.#users.values()) {
      if (user.mayAccess(virtualHost)) {
        user.setPermissions(virtualHost, null);
        this.#store.put(definitionKey("permission", virtualHost, user.name), null);
      }
      for (const exchange of [...user.topicPermissions(virtualHost).keys()]) {
        user.setTopicPermissions(virtualHost, exchange, null);
        this.#store.put(definitionKey("topic-permission", virtualHost, user.name, exchange), null);
      }
    }
  }

  /** Grants or (null) withdraws access to a virtual host. */
  async setPermissions(name: string, virtualHost: string, patterns: PermissionPatterns | null): Promise<void> {
    const user = this.#require(name);
    user.setPermissions(virtualHost, patterns);
    const key = definitionKey("permission", virtualHost, name);
    await this.#written(this.#store.put(key, patterns === null ? null : definitionValue(patterns)));
  }

  /** Sets or (null) clears the topic permission for one exchange. */
  async setTopicPermissions(
    name: string,
    virtualHost: string,
    exchange: string,
    patterns: TopicPermissionPatterns | null,
  ): Promise<void> {
    const user = this.#require(name);
    user.setTopicPermissions(virtualHost, exchange, patterns);
    const key = definitionKey("topic-permission", virtualHost, name, exchange);
    await this.#written(this.#store.put(key, patterns === null ? null : definitionValue(patterns)));
  }

  /** The user behind name and password, or null. The log says why, the client only hears that it was refused. */
  authenticate(name: string, password: string, remoteAddress: string): User | null {
    const user = this.#users.get(name);
    const fields = { user: name, peer: remoteAddress };
    if (Buffer.byteLength(password) > this.#store.limits.passwordBytesMax) {
      this.refusals.warn(remoteAddress, fields, "login refused: the password is too long");
      return null;
    }
    const verified = verifyPassword(password, user?.passwordHash ?? null);
    if (user === undefined || !verified) {
      const why = user === undefined ? "no such user" : "wrong password";
      this.refusals.warn(remoteAddress, fields, `login refused: ${why}`);
      return null;
    }
    if (this.#loopbackUsers.has(name) && !isLoopback(remoteAddress)) {
      this.refusals.warn(remoteAddress, fields, `login refused: user '${name}' can only connect via localhost`);
      return null;
    }
    return user;
  }

  /** Takes over one stored definition; false where it is not about users. Users come before their permissions. */
  restore(key: DefinitionKey, value: Uint8Array): boolean {
    const [kind, first = "", second = "", third = ""] = key;
    const record = (): unknown => JSON.parse(Buffer.from(value).toString());
    if (kind === "user") {
      const { passwordHash, tags } = record() as UserRecord;
      this.#users.set(first, new User(first, passwordHash, tags));
    } else if (kind === "permission") {
      const patterns = this.#usable(record() as PermissionPatterns, key);
      this.#users.get(second)?.setPermissions(first, patterns);
    } else if (kind === "topic-permission") {
      const patterns = this.#usable(record() as TopicPermissionPatterns, key);
      this.#users.get(second)?.setTopicPermissions(first, third, patterns);
    } else {
      return false;
    }
    return true;
  }

  /** Stored patterns, where those that this version does not take match nothing: an older one took more. */
  #usable<Patterns extends object>(patterns: Patterns, key: DefinitionKey): Patterns {
    const usable: Record<string, string> = {};
    for (const [permission, pattern] of Object.entries(patterns) as [string, string][]) {
      usable[permission] = pattern;
      try {
        checkPattern(pattern);
      } catch (error) {
        if (!(error instanceof PatternError)) throw error;
        usable[permission] = "";
        this.#logger.warn(
          { definition: key.join(" "), permission, error: error.message },
          "a stored permission matches nothing",
        );
      }
    }
    return usable as Patterns;
  }

  #require(name: string): User {
    const user = this.#users.get(name);
    if (user === undefined) throw new BrokerError("not-found", `no user '${name}'`);
    return user;
  }

  #written(lsn: Lsn): Promise<void> {
    this.#options.changed();
    return this.#store.whenDurable(lsn);
  }
}
