import type { Bench } from "../bench.ts";
import { load } from "../generator.ts";
import { failureText } from "../interleaved.ts";
import { median } from "../median.ts";
import type { PeerName, RunningPeer } from "../peer.ts";
import { watchResidentBytes } from "../resident-memory.ts";
import { type Figure, limitCheck, type Row } from "../row.ts";
import type { Scenario } from "../scenario.ts";

const MIB = 1024 * 1024;
const QUEUE = "bench.backlog";
const brokers: readonly PeerName[] = ["rabbitmq", "lavinmq", "jackalope"];
const publishing = { mode: "publish", size: 1024, durable: true, confirms: true, stall: 60 } as const;

interface Measured {
  readonly emptyPerSecond: number;
  readonly fillPerSecond: number;
  readonly onTopPerSecond: number;
  readonly residentMiB: number;
  readonly restartSeconds: number;
  readonly restartAfterKillSeconds: number;
  readonly drainPerSecond: number;
}

/** A million persistent messages of 1 KiB with no consumer; then a restart, an unkind one, and the drain in order. */
export const backlog: Scenario = {
  name: "backlog",
  title: "a backlog of 1,000,000 persistent messages of 1 KiB",
  async run(bench) {
    const measured = new Map<PeerName, Measured | { failure: string }>();
    for (const name of bench.taking(brokers)) {
      try {
        measured.set(name, await measure(bench, name, bench.quick ? 100_000 : 1_000_000));
      } catch (error) {
        measured.set(name, { failure: failureText(error) });
        bench.note(`backlog, ${name}: ${failureText(error)}`);
      }
    }
    return rows(measured, bench.quick ? "backlog of 100,000" : "backlog of 1,000,000");
  },
};

async function measure(bench: Bench, name: PeerName, count: number): Promise<Measured> {
  let peer = await bench.startFresh(name);
  const emptyPerSecond = await publishRateIntoEmptyQueue(peer, count / 10);
  bench.note(`backlog, ${name}: ${Math.round(emptyPerSecond)}/s into an empty queue`);

  const memory = watchResidentBytes(peer.processId);
  const fillPerSecond = await fill(peer, 0, (count / 10) * 7);
  const onTop: number[] = [];
  for (let tenth = 7; tenth < 10; tenth++) onTop.push(await fill(peer, (count / 10) * tenth, count / 10));
  const residentMiB = memory.stop() / MIB;
  bench.note(
    `backlog, ${name}: ${Math.round(fillPerSecond)}/s filling, then ${onTop.map(Math.round).join(", ")}/s, ${Math.round(residentMiB)} MiB`,
  );

  await bench.stop(peer);
  const began = performance.now();
  peer = await bench.startAt(name, peer.place);
  const restartSeconds = (performance.now() - began) / 1000;
  await bench.kill(peer);
  const beganAgain = performance.now();
  peer = await bench.startAt(name, peer.place);
  const restartAfterKillSeconds = (performance.now() - beganAgain) / 1000;
  bench.note(
    `backlog, ${name}: ready after ${restartSeconds.toFixed(1)} s, after kill -9 ${restartAfterKillSeconds.toFixed(1)} s`,
  );

  const drain = await load(peer, {
    mode: "drain",
    queue: QUEUE,
    durable: true,
    acks: true,
    count,
    stall: 60,
  });
  if (drain.leftOver > 0) throw new Error(`${drain.leftOver} messages left after the drain`);
  bench.note(`backlog, ${name}: drained in order at ${Math.round(drain.deliveredPerSecond)}/s`);
  await bench.stop(peer);
  return {
    ...{ emptyPerSecond, fillPerSecond, onTopPerSecond: median(onTop) },
    ...{ residentMiB, restartSeconds, restartAfterKillSeconds, drainPerSecond: drain.deliveredPerSecond },
  };
}

/** Publishes into the backlog's queue; returns the rate of confirmed messages. */
async function fill(peer: RunningPeer, firstSequence: number, count: number): Promise<number> {
  const options = { ...publishing, queue: QUEUE, keep: true, count, "first-sequence": firstSequence } as const;
  return (await load(peer, options)).confirmedPerSecond;
}

/** Each run begins with a queue of its own; the first one warms up and does not count. */
async function publishRateIntoEmptyQueue(peer: RunningPeer, count: number): Promise<number> {
  const rates: number[] = [];
  for (let run = 0; run < 4; run++) {
    const result = await load(peer, { ...publishing, count });
    if (run > 0) rates.push(result.confirmedPerSecond);
  }
  return median(rates);
}

function rows(measured: ReadonlyMap<PeerName, Measured | { failure: string }>, label: string): Row[] {
  const figures = (pick: (each: Measured) => number): Map<PeerName, Figure> =>
    new Map([...measured].map(([name, each]) => [name, "failure" in each ? each : pick(each)]));
  const row = (text: string, unit: string, pick: (each: Measured) => number, bound?: number): Row => {
    const values = figures(pick);
    return {
      label: `${label}: ${text}`,
      unit,
      figures: values,
      checks: bound === undefined ? [] : [limitCheck(values, unit, bound)],
    };
  };
  const own = measured.get("jackalope");
  const slowest =
    own === undefined || "failure" in own ? null : Math.min(own.fillPerSecond, own.onTopPerSecond) / own.emptyPerSecond;
  const published = row("published with no consumer", "messages/s", (each) =>
    Math.min(each.fillPerSecond, each.onTopPerSecond),
  );
  return [
    row("published into an empty queue", "messages/s", (each) => each.emptyPerSecond),
    { ...published, checks: [{ text: "× empty queue", value: slowest, bound: 0.6, kind: "at least" }] },
    row("largest resident memory", "MiB", (each) => each.residentMiB, 400),
    row("restart to ready", "s", (each) => each.restartSeconds, 15),
    row("restart to ready after kill -9", "s", (each) => each.restartAfterKillSeconds, 15),
    row("drained in order, acks", "messages/s", (each) => each.drainPerSecond),
  ];
}
