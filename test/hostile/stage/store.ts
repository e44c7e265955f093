import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "@jackalope/testkit/free-port";
import { RedisProcess } from "@jackalope/testkit/redis-process";
import { until } from "../waiting.ts";

export const storeNames = ["embedded", "redis"] as const;
export type StoreName = (typeof storeNames)[number];

const startMs = 30_000;

/** What keeps a broker's messages, and outlives it. */
export interface Store {
  /** As the broker's command line has it. */
  readonly arguments: readonly string[];
  close(): Promise<void>;
}

/** A new one, below `folder`. */
export async function openStore(name: StoreName, folder: string): Promise<Store> {
  const dataDir = ["--data-dir", join(folder, "data")];
  if (name === "embedded") return { arguments: dataDir, close: () => Promise.resolve() };
  const redisFolder = join(folder, "redis");
  mkdirSync(redisFolder, { recursive: true });
  const port = await freePort();
  const durability = ["--save", "", "--appendonly", "yes", "--appendfsync", "everysec"];
  const redis = new RedisProcess(port, redisFolder, ["--port", String(port), ...durability]);
  redis.launch();
  await until("redis-server", async () => (await redis.ask("PING").catch(() => "")) === "+PONG", startMs);
  const lease = ["--redis-lease", "1s", "--cluster-name", "hostile"];
  return { arguments: [...dataDir, "--store", redis.address, ...lease], close: () => redis.kill() };
}
