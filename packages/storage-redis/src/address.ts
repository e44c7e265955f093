/** A host and its port. */
export interface RedisHost {
  readonly host: string;
  readonly port: number;
}

/** Where Redis is: one server, the sentinels that know the master of a name, or a cluster. */
export interface RedisAddress {
  readonly kind: "single" | "sentinel" | "cluster";
  readonly tls: boolean;
  readonly hosts: readonly RedisHost[];
  /** Sentinel's name of the master. */
  readonly master: string;
  readonly database: number;
  readonly userName: string;
  readonly password: string;
}

const ports = { single: 6379, sentinel: 26_379, cluster: 6379 } as const;
const pattern = /^(redis|rediss|valkey|valkeys)(\+sentinel|\+cluster)?:\/\/(?:([^@/]*)@)?([^/@]+)((?:\/[^/]*)*)$/;

/**
 * Reads an address. Throws RangeError with a sentence for a person.
 *
 *     redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]                 rediss:// is TLS; valkey:// and valkeys:// are the same
 *     redis+sentinel://[USER:PASSWORD@]HOST[:PORT],…/MASTER[/DATABASE]
 *     redis+cluster://[USER:PASSWORD@]HOST[:PORT],…
 */
export function parseRedisAddress(text: string): RedisAddress {
  const match = pattern.exec(text);
  if (match === null) throw new RangeError("not an address of Redis: redis://HOST:PORT/DATABASE is one");
  const [, scheme = "", suffix = "", credentials = "", hosts = "", path = ""] = match;
  const kind = suffix === "+sentinel" ? "sentinel" : suffix === "+cluster" ? "cluster" : "single";
  const parts = path.split("/").filter((part) => part !== "");
  const master = kind === "sentinel" ? decode(parts.shift() ?? "") : "";
  if (kind === "sentinel" && master === "")
    throw new RangeError("the address of sentinels ends with the master's name");
  const database = parts.length === 0 ? 0 : Number(parts[0]);
  if (parts.length > 1 || !Number.isInteger(database) || database < 0 || (kind === "cluster" && database !== 0)) {
    throw new RangeError("the database at the end of the address is a number, and 0 in a cluster");
  }
  const list = hosts.split(",").map((host) => parseHost(host, ports[kind]));
  if (kind === "single" && list.length > 1) throw new RangeError("several hosts need +sentinel or +cluster");
  const colon = credentials.indexOf(":");
  return {
    kind,
    tls: scheme === "rediss" || scheme === "valkeys",
    hosts: list,
    master,
    database,
    userName: decode(colon < 0 ? "" : credentials.slice(0, colon)),
    password: decode(credentials.slice(colon + 1)),
  };
}

function parseHost(text: string, defaultPort: number): RedisHost {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  if (match === null || port < 1 || port > 65_535) throw new RangeError(`'${text}' is no host, or host:port`);
  return { host: match[1] ?? match[2] ?? "", port };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new RangeError("a percent sign in the address escapes nothing");
  }
}
