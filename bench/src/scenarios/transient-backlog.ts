import { join } from "node:path";
import type { Bench } from "../bench.ts";
import { load } from "../generator.ts";
import { failureText } from "../interleaved.ts";
import type { PeerName, RunningPeer } from "../peer.ts";
import { startJackalopeOn } from "../peers/jackalope.ts";
import { RedisServer } from "../redis-server.ts";
import { watchResidentBytes } from "../resident-memory.ts";
import { type Figure, limitCheck, type Row } from "../row.ts";
import type { Scenario } from "../scenario.ts";

const MIB = 1024 * 1024;
const QUEUE = "bench.backlog";
const REDIS: PeerName = "jackalope-redis";
const brokers: readonly PeerName[] = ["rabbitmq", "lavinmq", "jackalope", REDIS];
const RESIDENT_MIB_MAX = 300;

interface Measured {
  readonly emptyPerSecond: number;
  readonly fillPerSecond: number;
  readonly drainPerSecond: number;
  readonly residentMiB: number;
}

/** A million transient messages of 1 KiB in a transient queue with no consumer; then the drain in order. */
export const transientBacklog: Scenario = {
  name: "transient-backlog",
  title: "a backlog of 1,000,000 transient messages of 1 KiB",
  async run(bench) {
    const measured = new Map<PeerName, Measured | { failure: string }>();
    const count = bench.quick ? 100_000 : 1_000_000;
    for (const name of bench.taking(brokers)) {
      try {
        measured.set(name, name === REDIS ? await onRedis(bench, count) : await alone(bench, name, count));
      } catch (error) {
        measured.set(name, { failure: failureText(error) });
        bench.note(`transient backlog, ${name}: ${failureText(error)}`);
      }
    }
    return rows(measured, `transient backlog of ${count.toLocaleString("en")}`);
  },
};

async function alone(bench: Bench, name: PeerName, count: number): Promise<Measured> {
  const peer = await bench.startFresh(name);
  const measured = await measure(bench, name, peer, count);
  await bench.stop(peer);
  return measured;
}

async function onRedis(bench: Bench, count: number): Promise<Measured> {
  const place = await bench.freshPlace(REDIS);
  const redis = await RedisServer.start(join(place.directory, "redis"));
  const broker = await startJackalopeOn(redis.address, place);
  try {
    return await measure(bench, REDIS, broker, count);
  } finally {
    await broker.stop();
    await redis.stop();
  }
}

async function measure(bench: Bench, name: PeerName, peer: RunningPeer, count: number): Promise<Measured> {
  const publishing = { mode: "publish", size: 1024, confirms: true, stall: 60 } as const;
  // The first run warms up and does not count.
  await load(peer, { ...publishing, count: count / 20 });
  const { confirmedPerSecond: emptyPerSecond } = await load(peer, { ...publishing, count: count / 20 });
  const memory = watchResidentBytes(peer.processId);
  const fill = await load(peer, { ...publishing, queue: QUEUE, keep: true, count });
  const drain = await load(peer, { mode: "drain", queue: QUEUE, acks: true, count, stall: 60 });
  const residentMiB = memory.stop() / MIB;
  if (drain.leftOver > 0) throw new Error(`${drain.leftOver} messages left after the drain`);
  bench.note(
    `transient backlog, ${name}: ${Math.round(fill.confirmedPerSecond)}/s in, ${Math.round(drain.deliveredPerSecond)}/s out, ${Math.round(residentMiB)} MiB`,
  );
  const [fillPerSecond, drainPerSecond] = [fill.confirmedPerSecond, drain.deliveredPerSecond];
  return { emptyPerSecond, fillPerSecond, drainPerSecond, residentMiB };
}

function rows(measured: ReadonlyMap<PeerName, Measured | { failure: string }>, label: string): Row[] {
  const row = (text: string, unit: string, pick: (each: Measured) => number, bound?: number): Row => {
    const figures = new Map<PeerName, Figure>();
    for (const [name, each] of measured) figures.set(name, "failure" in each ? each : pick(each));
    const checks = bound === undefined ? [] : [limitCheck(figures, unit, bound)];
    return { label: `${label}: ${text}`, unit, figures, checks };
  };
  return [
    row("the first twentieth, into an empty queue", "messages/s", (each) => each.emptyPerSecond),
    row("published with no consumer", "messages/s", (each) => each.fillPerSecond),
    row("drained in order, acks", "messages/s", (each) => each.drainPerSecond),
    row("largest resident memory", "MiB", (each) => each.residentMiB, RESIDENT_MIB_MAX),
  ];
}
