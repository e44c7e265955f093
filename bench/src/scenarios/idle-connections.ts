import { setTimeout as sleep } from "node:timers/promises";
import { holdIdleConnections } from "../generator.ts";
import { failureText } from "../interleaved.ts";
import type { PeerName } from "../peer.ts";
import { residentBytes } from "../resident-memory.ts";
import { type Figure, limitCheck } from "../row.ts";
import type { Scenario } from "../scenario.ts";

const brokers: readonly PeerName[] = ["rabbitmq", "lavinmq", "jackalope"];
const SETTLE_SAMPLES_MAX = 30;

/** 5,000 connections with a channel each that say nothing: what one of them costs in resident memory. */
export const idleConnections: Scenario = {
  name: "idle",
  title: "5,000 idle connections, a channel each",
  async run(bench) {
    const count = bench.quick ? 1000 : 5000;
    const figures = new Map<PeerName, Figure>();
    for (const name of bench.taking(brokers)) {
      try {
        const peer = await bench.startFresh(name);
        const before = await settledResidentBytes(peer.processId);
        const after = await holdIdleConnections(peer, count, () => settledResidentBytes(peer.processId));
        await bench.stop(peer);
        figures.set(name, (after - before) / count / 1024);
        bench.note(`idle, ${name}: ${before} bytes before, ${after} with ${count} connections`);
      } catch (error) {
        figures.set(name, { failure: failureText(error) });
      }
    }
    const label = `${count.toLocaleString("en")} idle connections: resident memory each`;
    return [{ label, unit: "KiB", figures, checks: [limitCheck(figures, "KiB", 30)] }];
  },
};

/** Samples until two in a row, 200 ms apart, differ by less than 1%. */
async function settledResidentBytes(processId: number): Promise<number> {
  let last = residentBytes(processId);
  for (let sample = 0; sample < SETTLE_SAMPLES_MAX; sample++) {
    await sleep(200);
    const next = residentBytes(processId);
    if (Math.abs(next - last) < last / 100) return next;
    last = next;
  }
  return last;
}
