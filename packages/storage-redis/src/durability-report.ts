import type { Logger } from "@jackalope/core/storage";
import type { RedisConnection } from "./connection.ts";
import { fieldsOf } from "./message-reader.ts";
import type { Reply } from "./redis-client.ts";
import { UnsuitableRedisError } from "./redis-error.ts";

/** Streams are read from behind an id, which earlier versions cannot. */
const versionMin = 6.2;

/** What Redis says about itself; what it does not tell is "unknown". */
interface ServerFacts {
  readonly version: string;
  readonly appendOnly: string;
  readonly appendFsync: string;
  readonly snapshots: string;
  readonly evictionPolicy: string;
  readonly replicas: number;
}

/** What a confirm has to wait for. */
export interface ConfirmOptions {
  readonly waitReplicas: number;
  readonly waitAof: boolean;
}

/**
 * Finds out what a confirm means with the settings that Redis has now. The result says it in one log line, and warns
 * where something is not as it should be. Throws UnsuitableRedisError where Redis cannot do what is asked for.
 */
export async function durabilityOf(
  connection: RedisConnection,
  { waitReplicas, waitAof }: ConfirmOptions,
): Promise<(logger: Logger) => void> {
  const facts = await readFacts(connection);
  if (Number.parseFloat(facts.version) < versionMin) {
    throw new UnsuitableRedisError(`Redis is version ${facts.version}, and ${versionMin} is the oldest that will do`);
  }
  if (waitAof) await requireWaitAof(connection, facts);
  const meaning = meaningOf(facts, waitReplicas, waitAof);
  return (logger) => report(facts, meaning, waitReplicas, logger);
}

function report(
  facts: ServerFacts,
  meaning: { readonly text: string; readonly safe: boolean },
  waitReplicas: number,
  logger: Logger,
): void {
  const fields = {
    redis: facts.version,
    appendonly: facts.appendOnly,
    appendfsync: facts.appendFsync,
    replicas: facts.replicas,
  };
  const line = `a confirm means: ${meaning.text}`;
  if (meaning.safe) logger.info(fields, line);
  else logger.warn(fields, line);
  if (facts.evictionPolicy.startsWith("allkeys")) {
    logger.warn(
      { "maxmemory-policy": facts.evictionPolicy },
      "Redis may throw messages away when its memory is full: set maxmemory-policy to noeviction",
    );
  }
  if (facts.replicas < waitReplicas) {
    logger.warn({ replicas: facts.replicas, waitReplicas }, "nothing is confirmed until more replicas are there");
  }
}

async function requireWaitAof(connection: RedisConnection, facts: ServerFacts): Promise<void> {
  try {
    await connection.send("WAITAOF", [1, 0, 1]);
  } catch (error) {
    const { message } = error as Error;
    if (/unknown command/i.test(message)) {
      throw new UnsuitableRedisError(
        `this Redis (${facts.version}) has no WAITAOF: it came with 7.2. Switch redis-wait-aof off`,
      );
    }
    if (!connection.ready) throw error;
    throw new UnsuitableRedisError(`redis-wait-aof cannot be had: ${message}`);
  }
}

function meaningOf(facts: ServerFacts, waitReplicas: number, waitAof: boolean): { text: string; safe: boolean } {
  const replicas = waitReplicas === 1 ? "a replica has it" : `${waitReplicas} replicas have it`;
  const copies = waitReplicas > 0 ? `, and ${replicas}` : "";
  if (waitAof) return { text: `on Redis' disk${copies}${waitReplicas > 0 ? " on disk" : ""}`, safe: true };
  if (facts.appendOnly === "unknown") {
    return {
      text: `Redis has it${copies}; its settings cannot be read, so nobody here knows whether on disk`,
      safe: true,
    };
  }
  if (facts.appendOnly !== "yes") {
    const snapshot = facts.snapshots === "" ? "" : ", apart from its snapshots";
    const text = `Redis has it in memory${copies}; persistence is off${snapshot}, and a restart of Redis loses it`;
    return { text, safe: false };
  }
  if (facts.appendFsync === "always") return { text: `on Redis' disk${copies}`, safe: true };
  if (facts.appendFsync === "everysec") {
    return { text: `Redis has it${copies}; a crash of its machine may lose the last second`, safe: true };
  }
  return { text: `Redis has it${copies}; its machine's operating system decides when it is on disk`, safe: true };
}

async function readFacts(connection: RedisConnection): Promise<ServerFacts> {
  // Hosted Redis forbids CONFIG, and a user may not have INFO.
  const ask = async (command: string, args: readonly string[]): Promise<Reply> => {
    try {
      return await connection.send(command, args);
    } catch (error) {
      if (!connection.ready) throw error;
      return null;
    }
  };
  const setting = async (name: string): Promise<string> => {
    const reply = (await ask("CONFIG", ["GET", name])) as readonly Reply[] | null;
    return (
      fieldsOf(reply ?? [])
        .get(name)
        ?.toString() ?? "unknown"
    );
  };
  const info = String((await ask("INFO", [])) ?? "");
  const field = (name: string): string => new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1] ?? "";
  return {
    version: field("redis_version"),
    appendOnly: await setting("appendonly"),
    appendFsync: await setting("appendfsync"),
    snapshots: await setting("save"),
    evictionPolicy: await setting("maxmemory-policy"),
    replicas: Number(field("connected_slaves")),
  };
}
