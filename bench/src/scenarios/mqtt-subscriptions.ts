import type { Bench } from "../bench.ts";
import { holdIdleConnections, type LoadOptions, type LoadResult, load } from "../generator.ts";
import { closedLoop } from "../interleaved.ts";
import { median } from "../median.ts";
import type { PeerName, RunningPeer } from "../peer.ts";
import { ratioCheck, type Row } from "../row.ts";
import type { Scenario } from "../scenario.ts";
import { figuresOf, type Measurements, measureEachFresh } from "./each-fresh.ts";

const brokers: readonly PeerName[] = ["mosquitto", "aedes", "jackalope"];
const CONNECTIONS = 100;
const common = { protocol: "mqtt", queue: "bench.devices" } as const;
/** Ten subscriptions, ten topics; and as many topics as defeat a memory of the last ones, taken with one wildcard. */
const fewTopics = { ...common, keys: 10 } as const;
const manyTopics = { ...common, keys: 10_000, wildcard: true } as const;

/** Rates in deliveries a second: with the load's own subscriptions alone, and with 100,000 more in the broker. */
interface Measured {
  readonly fewTopicsAlone: number;
  readonly manyTopicsAlone: number;
  readonly fewTopics: number;
  readonly manyTopics: number;
}

/** What a publish costs where other clients hold 100,000 distinct subscriptions, of which every tenth has a wildcard and
 * none matches: they are the neighbours of the topics published to. */
export const mqttSubscriptions: Scenario = {
  name: "mqtt-subscriptions",
  title: "MQTT: 100,000 subscriptions, 10,000 of them wildcards",
  async run(bench) {
    const count = bench.quick ? 10_000 : 100_000;
    const measured = await measureEachFresh(bench, this.title, brokers, (peer) => measure(bench, peer, count));
    return rows(measured, `${count.toLocaleString("en")} subscriptions`);
  },
};

async function measure(bench: Bench, peer: RunningPeer, count: number): Promise<Measured> {
  const fewTopicsAlone = await rate(bench, peer, fewTopics);
  const manyTopicsAlone = await rate(bench, peer, manyTopics);
  const neighbours = { ...common, subscriptions: count / CONNECTIONS, stall: 60 };
  return holdIdleConnections(
    peer,
    CONNECTIONS,
    async () => {
      const withNeighbours = {
        fewTopics: await rate(bench, peer, fewTopics),
        manyTopics: await rate(bench, peer, manyTopics),
      };
      const measured = { fewTopicsAlone, manyTopicsAlone, ...withNeighbours };
      bench.note(`mqtt-subscriptions, ${peer.name}: ${JSON.stringify(measured)}`);
      return measured;
    },
    neighbours,
  );
}

async function rate(bench: Bench, peer: RunningPeer, options: LoadOptions): Promise<number> {
  const results: LoadResult[] = [];
  for (let round = 0; round < bench.rounds; round++)
    results.push(await load(peer, { ...closedLoop(bench), ...options }));
  return Math.round(median(results.map((result) => result.deliveredPerSecond)));
}

function rows(measured: Measurements<Measured>, title: string): Row[] {
  const row = (label: string, pick: (each: Measured) => number): Row => ({
    label: `MQTT: ${label}`,
    unit: "messages/s",
    figures: figuresOf(measured, pick),
    checks: [],
  });
  const against = (other: Row, crowded: Row): Row => ({
    ...crowded,
    checks: [{ ...ratioCheck(crowded.figures, "jackalope", 0.5, other.figures), text: "× its ten" }],
  });
  const few = row("ten topics, ten subscriptions", (each) => each.fewTopicsAlone);
  const many = row("10,000 topics, one subscription", (each) => each.manyTopicsAlone);
  return [
    few,
    against(
      few,
      row(`ten topics, ${title}`, (each) => each.fewTopics),
    ),
    many,
    against(
      many,
      row(`10,000 topics, ${title}`, (each) => each.manyTopics),
    ),
  ];
}
