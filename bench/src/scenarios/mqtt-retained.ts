import type { Bench } from "../bench.ts";
import { type Latency, load, runGenerator } from "../generator.ts";
import type { PeerName, RunningPeer } from "../peer.ts";
import { limitCheck, type Row } from "../row.ts";
import type { Scenario } from "../scenario.ts";
import { figuresOf, type Measurements, measureEachFresh } from "./each-fresh.ts";

/** RabbitMQ gives no retained messages to wildcards. */
const brokers: readonly PeerName[] = ["mosquitto", "aedes", "jackalope"];
const STALL_SECONDS = 60;

interface Measured {
  readonly storedPerSecond: number;
  readonly seconds: number;
  readonly longestWaitMs: number;
}

/** What `load --mode retained` prints. */
interface RetainedResult {
  readonly seconds: number;
  readonly quietMaxMicroseconds: number;
  readonly pingMicroseconds: Latency;
  readonly messageMicroseconds: Latency;
}

/** A subscriber of `#` takes 100,000 retained messages of 100 bytes; meanwhile another client pings and sends itself
 * messages of QoS 0, a pair at a time, and notes the longest it had to wait. */
export const mqttRetained: Scenario = {
  name: "mqtt-retained",
  title: "MQTT: 100,000 retained messages",
  async run(bench) {
    const count = bench.quick ? 10_000 : 100_000;
    const measured = await measureEachFresh(bench, this.title, brokers, (peer) => measure(bench, peer, count));
    return rows(measured, `MQTT: ${count.toLocaleString("en")} retained messages`);
  },
};

async function measure(bench: Bench, peer: RunningPeer, count: number): Promise<Measured> {
  const common = { protocol: "mqtt", count, stall: STALL_SECONDS } as const;
  const topics = { queue: "bench.retained", keys: count, retain: true, qos: 1 } as const;
  const stored = await load(peer, { ...common, ...topics, mode: "publish" });
  const result = await runGenerator<RetainedResult>(peer, { ...common, mode: "retained" });
  const longestWaitMs = Math.max(result.pingMicroseconds.max, result.messageMicroseconds.max) / 1000;
  bench.note(
    `mqtt-retained, ${peer.name}: stored ${Math.round(stored.confirmedPerSecond)}/s, taken in ${result.seconds} s; ` +
      `another client waited ${longestWaitMs.toFixed(1)} ms at most, ${(result.quietMaxMicroseconds / 1000).toFixed(1)} ms before`,
  );
  return { storedPerSecond: stored.confirmedPerSecond, seconds: result.seconds, longestWaitMs };
}

function rows(measured: Measurements<Measured>, label: string): Row[] {
  const seconds = figuresOf(measured, (each) => each.seconds);
  const wait = figuresOf(measured, (each) => each.longestWaitMs);
  const stored = figuresOf(measured, (each) => each.storedPerSecond);
  return [
    { label: `${label}: stored`, unit: "messages/s", figures: stored, checks: [] },
    { label: `${label}: taken by \`#\``, unit: "s", figures: seconds, checks: [limitCheck(seconds, "s", 5)] },
    {
      label: `${label}: longest wait of another client meanwhile`,
      unit: "ms",
      figures: wait,
      checks: [limitCheck(wait, "ms", 50)],
    },
  ];
}
