import { checkPattern, LinearPattern } from "../pattern/linear-pattern.ts";
import { PatternCache } from "../pattern/pattern-cache.ts";

/** The three permissions of RabbitMQ, each a regular expression over resource names. */
export type Permission = "configure" | "write" | "read";

/** Patterns of one user on one virtual host. They match anywhere unless anchored; the empty pattern matches nothing. */
export interface PermissionPatterns {
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}

/** Patterns over the routing keys of one topic exchange; `{username}`, `{vhost}` and `{client_id}` are replaced. */
export interface TopicPermissionPatterns {
  readonly write: string;
  readonly read: string;
}

interface Compiled {
  readonly patterns: PermissionPatterns;
  readonly expressions: Readonly<Record<Permission, LinearPattern | null>>;
}

/** Compiled topic patterns that a user keeps: those with a client id in them are one for each client. */
export const topicPatternsMax = 1024;

/** Throws PatternError where the pattern is none, or cannot be matched in linear time. */
function compile(pattern: string): LinearPattern | null {
  if (pattern === "") return null;
  checkPattern(pattern);
  return new LinearPattern(pattern);
}

/** A user: password hash, tags, and what it may do where. */
export class User {
  readonly name: string;
  /** As `hashPassword` makes it; empty refuses every password. */
  passwordHash: string;
  tags: readonly string[];
  readonly #permissions = new Map<string, Compiled>();
  readonly #topicPermissions = new Map<string, Map<string, TopicPermissionPatterns>>();
  readonly #topicPatterns = new PatternCache(topicPatternsMax);

  constructor(name: string, passwordHash: string, tags: readonly string[]) {
    this.name = name;
    this.passwordHash = passwordHash;
    this.tags = tags;
  }

  /** The virtual hosts that the user has permissions of either kind on. */
  get virtualHosts(): ReadonlySet<string> {
    return new Set([...this.#permissions.keys(), ...this.#topicPermissions.keys()]);
  }

  /** Patterns on one virtual host. */
  permissions(virtualHost: string): PermissionPatterns | undefined {
    return this.#permissions.get(virtualHost)?.patterns;
  }

  /** Throws PatternError where a pattern is none that can be used. */
  setPermissions(virtualHost: string, patterns: PermissionPatterns | null): void {
    if (patterns === null) {
      this.#permissions.delete(virtualHost);
      return;
    }
    const expressions = {
      configure: compile(patterns.configure),
      write: compile(patterns.write),
      read: compile(patterns.read),
    };
    this.#permissions.set(virtualHost, { patterns, expressions });
  }

  /** Patterns by exchange on one virtual host. */
  topicPermissions(virtualHost: string): ReadonlyMap<string, TopicPermissionPatterns> {
    return this.#topicPermissions.get(virtualHost) ?? new Map();
  }

  /** Throws PatternError where a pattern is none that can be used. */
  setTopicPermissions(virtualHost: string, exchange: string, patterns: TopicPermissionPatterns | null): void {
    let byExchange = this.#topicPermissions.get(virtualHost);
    if (patterns === null) {
      byExchange?.delete(exchange);
      if (byExchange?.size === 0) this.#topicPermissions.delete(virtualHost);
      return;
    }
    compile(patterns.write);
    compile(patterns.read);
    if (byExchange === undefined) this.#topicPermissions.set(virtualHost, (byExchange = new Map()));
    byExchange.set(exchange, patterns);
  }

  /** Takes every permission away. */
  withdrawAll(): void {
    this.#permissions.clear();
    this.#topicPermissions.clear();
  }

  /** True where the user may see the virtual host at all. */
  mayAccess(virtualHost: string): boolean {
    return this.#permissions.has(virtualHost);
  }

  /** True where the pattern for `permission` matches the resource. The default exchange goes by `amq.default`. */
  may(permission: Permission, virtualHost: string, resource: string): boolean {
    const expression = this.#permissions.get(virtualHost)?.expressions[permission] ?? null;
    return expression !== null && expression.test(resource === "" ? "amq.default" : resource);
  }

  /** True where no topic permission stands against the key, which is so for exchanges that have none. */
  mayUseTopic(
    permission: "write" | "read",
    virtualHost: string,
    exchange: string,
    routingKey: string,
    clientId = "",
  ): boolean {
    const patterns = this.#topicPermissions.get(virtualHost)?.get(exchange);
    if (patterns === undefined) return true;
    const values: Record<string, string> = { username: this.name, vhost: virtualHost, client_id: clientId };
    const pattern = patterns[permission].replace(/\{(username|vhost|client_id)\}/g, (_, name: string) =>
      // A client id is text, not a pattern: its dots and stars must not widen the permission.
      (values[name] ?? "").replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"),
    );
    return pattern !== "" && this.#topicPatterns.compiled(pattern).test(routingKey);
  }
}
