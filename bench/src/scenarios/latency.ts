import { cpuDetails, interleaved, medians } from "../interleaved.ts";
import type { LoadResult } from "../generator.ts";
import { type PeerName, amqpPeers } from "../peer.ts";
import { limitCheck, type Row } from "../row.ts";
import type { Scenario } from "../scenario.ts";

const RATE = 10_000;

/** 10,000 messages a second on a fixed schedule. Latency counts from when a message was due, so a broker that pauses
 * pays for every message of the pause. */
export const latency: Scenario = {
  name: "latency",
  title: "10,000 messages/s",
  async run(bench) {
    const schedule = { rate: RATE, seconds: bench.quick ? 2 : 5, "warm-up": 1 };
    const plain = await interleaved(bench, `${this.title}, auto-ack`, amqpPeers, schedule);
    const durableOptions = { ...schedule, durable: true, confirms: true, acks: true } as const;
    const durable = await interleaved(bench, `${this.title}, durable`, amqpPeers, durableOptions);
    const row = (
      label: string,
      outcomes: typeof plain,
      figure: (result: LoadResult) => number,
    ): Omit<Row, "checks"> => {
      const figures = medians(outcomes, figure);
      return { label, unit: "ms", figures, details: cpuDetails(outcomes) };
    };
    const delivery = row("10,000/s unconfirmed: delivery latency p99", plain, deliveryP99Ms);
    const confirm = row("10,000/s durable: confirm latency p99", durable, confirmP99Ms);
    const durableDelivery = row("10,000/s durable: delivery latency p99", durable, deliveryP99Ms);
    return [
      { ...delivery, checks: [limitCheck(delivery.figures, "ms", 3)] },
      { ...confirm, figures: without(confirm.figures, "ruler"), checks: [limitCheck(confirm.figures, "ms", 10)] },
      { ...durableDelivery, figures: without(durableDelivery.figures, "ruler"), checks: [] },
    ];
  },
};

const deliveryP99Ms = (result: LoadResult): number => (result.deliveryMicroseconds?.p99 ?? Number.NaN) / 1000;
const confirmP99Ms = (result: LoadResult): number => (result.confirmMicroseconds?.p99 ?? Number.NaN) / 1000;

/** The ruler stores nothing, so it has no durable latency. */
function without(figures: Row["figures"], name: PeerName): Row["figures"] {
  return new Map([...figures].filter(([peer]) => peer !== name));
}
