import { holdIdleConnections } from "../generator.ts";
import { failureText } from "../interleaved.ts";
import type { PeerName } from "../peer.ts";
import { settledResidentBytes } from "../resident-memory.ts";
import { type Figure, limitCheck } from "../row.ts";
import type { Scenario } from "../scenario.ts";

const brokers: readonly PeerName[] = ["rabbitmq", "lavinmq", "jackalope"];

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
