import { join } from "node:path";
import { until } from "../waiting.ts";
import { Link } from "./link.ts";
import { RedisProcess } from "./redis-process.ts";
import { Slot } from "./slot.ts";

/** How long a leader may take to be there, whatever was done before. The check is that it comes; how fast is reported. */
const leaderMs = 60_000;

export type StoreName = "redis" | "embedded";

export interface StageOptions {
  readonly program: string;
  readonly folder: string;
  /** Of the brokers' lease, in milliseconds. */
  readonly leaseMs: number;
  readonly died: (text: string) => void;
}

/** What every store has: brokers in slots, of which one leads. */
export interface Stage {
  readonly store: StoreName;
  readonly leaseMs: number;
  readonly slots: readonly Slot[];
  /** Ends everything. */
  close(): Promise<void>;
}

/** Two brokers, each behind a link of its own, on one Redis. */
export interface RedisStage extends Stage {
  readonly store: "redis";
  readonly redis: RedisProcess;
  readonly linkOf: (slot: Slot) => Link;
}

/** One broker on its data folder. */
export interface EmbeddedStage extends Stage {
  readonly store: "embedded";
}

export async function openRedisStage(options: StageOptions): Promise<RedisStage> {
  const { folder, leaseMs } = options;
  const redis = await RedisProcess.start(join(folder, "redis"));
  const links = new Map<Slot, Link>();
  for (const name of ["a", "b"]) {
    const link = await Link.open(redis.port);
    const store = ["--store", `redis://127.0.0.1:${link.port}/0`, "--cluster-name", "soak"];
    links.set(await Slot.make({ ...options, name, args: [...store, "--redis-lease", `${leaseMs}ms`] }), link);
  }
  const slots = [...links.keys()];
  for (const slot of slots) slot.start();
  return {
    store: "redis",
    leaseMs,
    slots,
    redis,
    linkOf: (slot) => links.get(slot) as Link,
    async close() {
      await endAll(slots);
      for (const link of links.values()) await link.close();
      await redis.kill();
    },
  };
}

export async function openEmbeddedStage(options: StageOptions): Promise<EmbeddedStage> {
  const slot = await Slot.make({ ...options, name: "a", args: ["--store", "embedded"] });
  slot.start();
  return { store: "embedded", leaseMs: options.leaseMs, slots: [slot], close: () => endAll([slot]) };
}

async function endAll(slots: readonly Slot[]): Promise<void> {
  for (const slot of slots) slot.signal("SIGCONT");
  for (const slot of slots) await slot.end("SIGKILL");
}

/** Waits until a broker serves, `among` those given. */
export async function untilLeader(stage: Stage, among: readonly Slot[] = stage.slots): Promise<Slot> {
  let leader: Slot | null = null;
  const leads = async (): Promise<boolean> => {
    for (const slot of among) if ((await slot.health()) === "ready") leader = slot;
    return leader !== null;
  };
  await until(`broker ${among.map(({ name }) => name).join(" or ")} to serve`, leads, leaderMs);
  return leader as unknown as Slot;
}
