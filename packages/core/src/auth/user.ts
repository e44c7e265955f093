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
  readonly expressions: Readonly<Record<Permission, RegExp | null>>;
}

/** Throws SyntaxError where the pattern is no regular expression. */
function compile(pattern: string): RegExp | null {
  if (pattern === "") return null;
  try {
    return new RegExp(pattern, "u");
  } catch {
    // RabbitMQ's patterns are PCRE, which takes escapes like `\-` and `\_` that the strict syntax refuses.
    return new RegExp(pattern);
  }
}

/** A user: password hash, tags, and what it may do where. */
export class User {
  readonly name: string;
  /** As `hashPassword` makes it; empty refuses every password. */
  passwordHash: string;
  tags: readonly string[];
  readonly #permissions = new Map<string, Compiled>();
  readonly #topicPermissions = new Map<string, Map<string, TopicPermissionPatterns>>();

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

  /** Throws SyntaxError where a pattern is no regular expression. */
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

  /** Throws SyntaxError where a pattern is no regular expression. */
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
    return compile(pattern)?.test(routingKey) ?? false;
  }
}
