import { join } from "node:path";
import type { Bench } from "../bench.ts";
import { load } from "../generator.ts";
import { failureText } from "../interleaved.ts";
import type { PeerName, RunningPeer } from "../peer.ts";
import { startJackalopeOn } from "../peers/jackalope.ts";
import { RedisServer } from "../redis-server.ts";
import { peakResidentBytes } from "../resident-memory.ts";
import type { Check, Figure, Row } from "../row.ts";
import type { Scenario } from "../scenario.ts";

const MIB = 1024 * 1024;
const QUEUE = "bench.backlog";
const PEER: PeerName = "jackalope-redis";
const READY_SECONDS_MAX = 20;
const sizes = [100, 1024];

interface Measured {
  readonly fillPerSecond: number;
  readonly redisMiB: number;
  readonly filledMiB: number;
  readonly restartSeconds: number;
  readonly restartAfterKillSeconds: number;
  readonly recoveredMiB: number;
  readonly drainPerSecond: number;
}

/** A million persistent messages in Redis with no consumer; a broker that starts on them, and one after kill -9. */
export const redisBacklog: Scenario = {
  name: "redis-backlog",
  title: "a backlog of 1,000,000 persistent messages in Redis",
  async run(bench) {
    const rows: Row[] = [];
    if (bench.taking([PEER]).length === 0) return rows;
    const count = bench.quick ? 100_000 : 1_000_000;
    for (const size of sizes) {
      const label = `Redis: backlog of ${count.toLocaleString("en")}, ${size} bytes`;
      try {
        rows.push(...rowsOf(label, await measure(bench, count, size)));
      } catch (error) {
        bench.note(`${label}: ${failureText(error)}`);
        rows.push(row(label, "", { failure: failureText(error) }));
      }
    }
    return rows;
  },
};

async function measure(bench: Bench, count: number, size: number): Promise<Measured> {
  const place = await bench.freshPlace(PEER);
  // It stays while brokers come and go.
  const redis = await RedisServer.start(join(place.directory, "redis"));
  const start = (): Promise<RunningPeer> => startJackalopeOn(redis.address, place);
  let broker = await start();
  try {
    const published = { mode: "publish", durable: true, confirms: true, queue: QUEUE, keep: true, stall: 60 } as const;
    const fill = await load(broker, { ...published, size, count });
    const filledMiB = peakResidentBytes(broker.processId) / MIB;
    const redisMiB = (await redis.figure("used_memory")) / MIB;
    bench.note(`${Math.round(fill.confirmedPerSecond)}/s in, ${Math.round(redisMiB)} MiB in Redis`);

    await broker.stop();
    const began = performance.now();
    broker = await start();
    const restartSeconds = (performance.now() - began) / 1000;
    await broker.kill();
    const beganAgain = performance.now();
    broker = await start();
    const restartAfterKillSeconds = (performance.now() - beganAgain) / 1000;
    bench.note(`ready after ${restartSeconds.toFixed(1)} s, after kill -9 ${restartAfterKillSeconds.toFixed(1)} s`);

    const drain = await load(broker, { mode: "drain", queue: QUEUE, durable: true, acks: true, count, stall: 60 });
    const recoveredMiB = peakResidentBytes(broker.processId) / MIB;
    if (drain.leftOver > 0) throw new Error(`${drain.leftOver} messages left after the drain`);
    bench.note(`drained in order at ${Math.round(drain.deliveredPerSecond)}/s, ${Math.round(recoveredMiB)} MiB`);
    return {
      ...{ fillPerSecond: fill.confirmedPerSecond, redisMiB, filledMiB, restartSeconds, restartAfterKillSeconds },
      ...{ recoveredMiB, drainPerSecond: drain.deliveredPerSecond },
    };
  } finally {
    await broker.stop();
    await redis.stop();
  }
}

function rowsOf(label: string, measured: Measured): Row[] {
  const bound = READY_SECONDS_MAX;
  return [
    row(`${label}: published with no consumer`, "messages/s", measured.fillPerSecond),
    row(`${label}: memory of Redis`, "MiB", measured.redisMiB),
    row(`${label}: largest resident memory of the broker that filled it`, "MiB", measured.filledMiB),
    row(`${label}: restart to ready`, "s", measured.restartSeconds, bound),
    row(
      `${label}: restart to ready after kill -9, a lease of 3 s included`,
      "s",
      measured.restartAfterKillSeconds,
      bound,
    ),
    row(`${label}: largest resident memory of the broker that recovered and drained it`, "MiB", measured.recoveredMiB),
    row(`${label}: drained in order, acks`, "messages/s", measured.drainPerSecond),
  ];
}

function row(label: string, unit: string, figure: Figure, bound?: number): Row {
  const value = typeof figure === "number" ? figure : null;
  const checks: Check[] = bound === undefined ? [] : [{ text: unit, value, bound, kind: "at most" }];
  return { label, unit, figures: new Map([[PEER, figure]]), checks };
}
