import type { Clock } from "@jackalope/core/storage";
import type { RedisAddress, RedisHost } from "./address.ts";
import { type ClientOptions, RedisClient, type Reply } from "./redis-client.ts";

export interface FindOptions {
  readonly address: RedisAddress;
  readonly client: ClientOptions;
  /** Log-in for sentinels, which have users of their own. */
  readonly sentinel: ClientOptions;
  /** A key of the home: in a cluster the server is wanted that has its slot. */
  readonly key: string;
  readonly connectTimeoutMs: number;
  readonly clock: Clock;
}

/**
 * The server to write to: the address itself, the master that a sentinel names, or the cluster's node with the slot of
 * the key. `attempt` counts on from one call to the next, so that another sentinel or node is asked first each time.
 * Rejects where nobody knows; never takes much longer than `connectTimeoutMs` a host.
 */
export async function findServer(options: FindOptions, attempt: number): Promise<RedisHost> {
  const { address } = options;
  const { hosts } = address;
  if (address.kind === "single") return hosts[0] as RedisHost;
  let failure = new Error("the address has no hosts");
  for (let index = 0; index < hosts.length; index++) {
    const host = hosts[(attempt + index) % hosts.length] as RedisHost;
    try {
      return address.kind === "sentinel" ? await askSentinel(host, options) : await askNode(host, options);
    } catch (error) {
      failure = new Error(`${host.host}:${host.port}: ${(error as Error).message}`);
    }
  }
  throw failure;
}

async function askSentinel(host: RedisHost, options: FindOptions): Promise<RedisHost> {
  const { master } = options.address;
  const reply = await ask(host, options.sentinel, options, (client) =>
    client.send("SENTINEL", ["GET-MASTER-ADDR-BY-NAME", master]),
  );
  if (!Array.isArray(reply) || reply.length < 2) throw new Error(`the sentinel knows no master '${master}'`);
  return { host: String(reply[0]), port: Number(String(reply[1])) };
}

/** CLUSTER SLOTS: [first, last, [host, port, …] of the master, replicas…] for each range. */
type SlotRange = readonly [number, number, readonly [Buffer | null, number], ...unknown[]];

async function askNode(host: RedisHost, options: FindOptions): Promise<RedisHost> {
  return ask(host, options.client, options, async (client) => {
    const slot = (await client.send("CLUSTER", ["KEYSLOT", options.key])) as number;
    const ranges = (await client.send("CLUSTER", ["SLOTS"])) as unknown as readonly SlotRange[];
    const range = ranges.find(([first, last]) => first <= slot && slot <= last);
    if (range === undefined) throw new Error(`no node of the cluster has slot ${slot}`);
    const [, , [name, port]] = range;
    // A node that does not know its own name means the one that was asked.
    return { host: name === null || name.length === 0 ? host.host : String(name), port };
  });
}

/** One question on a connection of its own. */
async function ask<Answer extends Reply | RedisHost>(
  host: RedisHost,
  login: ClientOptions,
  { connectTimeoutMs, clock }: FindOptions,
  question: (client: RedisClient) => Promise<Answer>,
): Promise<Answer> {
  const client = new RedisClient(host, login, connectTimeoutMs, () => undefined);
  let silent = false;
  const timer = clock.after(connectTimeoutMs, () => {
    silent = true;
    client.close();
  });
  try {
    await client.connect();
    return await question(client);
  } catch (error) {
    throw silent ? new Error(`no answer for ${connectTimeoutMs} ms`) : error;
  } finally {
    timer.cancel();
    client.close();
  }
}
