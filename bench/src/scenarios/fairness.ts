import { setTimeout as sleep } from "node:timers/promises";
import type { Bench, PeerFeatures } from "../bench.ts";
import { type Latency, load, type LoadOptions, runGenerator } from "../generator.ts";
import { failureText } from "../interleaved.ts";
import type { PeerName, RunningPeer } from "../peer.ts";
import { settledResidentBytes, watchResidentBytes } from "../resident-memory.ts";
import { limitCheck, type Row } from "../row.ts";
import type { Scenario } from "../scenario.ts";
import { figuresOf, type Measurements } from "./each-fresh.ts";
import { type FairnessLoad, fairnessLoads } from "./fairness-loads.ts";

const PINGS_PER_SECOND = 200;
const NEWCOMERS_PER_SECOND = 4;
const WARM_UP_SECONDS = 1;
/** A broker that leaves somebody waiting for longer has failed at that. */
const STALL_SECONDS = 60;
const MEBIBYTE = 1024 * 1024;

type Protocol = "amqp" | "mqtt" | "stomp";

interface Measured {
  readonly ping: Latency;
  /** The slowest newcomer of each protocol, in milliseconds. */
  readonly newcomerMs: ReadonlyMap<Protocol, number>;
  readonly growthMiB: number;
  readonly deliveredPerSecond: number;
}

/** What everybody else gets while one of the loads runs at full speed: pings, new clients, and the broker's memory. */
export const fairness: Scenario = {
  name: "fairness",
  title: "fairness",
  async run(bench) {
    const rows: Row[] = [];
    for (const each of fairnessLoads(bench.quick)) rows.push(...rowsOf(each, await measureAll(bench, each)));
    return rows;
  },
};

/** What a peer is asked to speak. Plugins that are not measured stay out of RabbitMQ. */
function protocolsOf(name: PeerName): readonly Protocol[] {
  return name === "rabbitmq" || name === "jackalope" ? ["amqp", "mqtt", "stomp"] : ["mqtt"];
}

async function measureAll(bench: Bench, each: FairnessLoad): Promise<Measurements<Measured>> {
  const measured = new Map<PeerName, Measured | { failure: string }>();
  for (const name of bench.taking(each.peers)) {
    const protocols = protocolsOf(name);
    const features: PeerFeatures = { mqtt: protocols.includes("mqtt"), stomp: protocols.includes("stomp") };
    try {
      const peer = await bench.startFresh(name, features);
      try {
        measured.set(name, await measure(bench, peer, each, protocols));
      } finally {
        await bench.stop(peer);
      }
    } catch (error) {
      measured.set(name, { failure: failureText(error) });
      bench.note(`fairness, ${each.title}, ${name}: ${failureText(error)}`);
    }
  }
  return measured;
}

async function measure(
  bench: Bench,
  peer: RunningPeer,
  each: FairnessLoad,
  protocols: readonly Protocol[],
): Promise<Measured> {
  const seconds = bench.quick ? 2 : 10;
  const before = await settledResidentBytes(peer.processId);
  const memory = watchResidentBytes(peer.processId);
  // The probes begin with the measurement and end with it, so that none of them sees a broker at rest.
  const loading = load(peer, {
    ...each.options,
    seconds: seconds + 1,
    "warm-up": WARM_UP_SECONDS,
    stall: STALL_SECONDS,
  });
  const failed = loading.then(
    () => null,
    (error: unknown) => error,
  );
  try {
    await sleep(WARM_UP_SECONDS * 1000);
    const probing = { seconds, stall: STALL_SECONDS, queue: "probe" } as const;
    const [ping, ...newcomers] = await Promise.all([
      pings(peer, { ...probing, protocol: each.protocol }),
      ...protocols.map((protocol) => newcomerMs(peer, { ...probing, protocol, queue: `newcomer.${protocol}` })),
    ]);
    const { deliveredPerSecond } = await loading;
    const growthMiB = (memory.stop() - before) / MEBIBYTE;
    const measured = {
      ping,
      newcomerMs: new Map(protocols.map((protocol, index) => [protocol, newcomers[index] as number])),
      growthMiB,
      deliveredPerSecond,
    };
    bench.note(
      `fairness, ${each.title}, ${peer.name}: ping p50 ${ms(ping.p50)}, p99 ${ms(ping.p99)}, max ${ms(ping.max)}; ` +
        `${growthMiB.toFixed(0)} MiB; ${Math.round(deliveredPerSecond)}/s`,
    );
    return measured;
  } catch (error) {
    memory.stop();
    // What the load says about it comes first: it may have ended the broker.
    throw (await failed) ?? error;
  }
}

async function pings(peer: RunningPeer, options: LoadOptions): Promise<Latency> {
  const result = await runGenerator<{ readonly pingMicroseconds: Latency }>(peer, {
    ...options,
    mode: "ping",
    rate: PINGS_PER_SECOND,
  });
  return result.pingMicroseconds;
}

async function newcomerMs(peer: RunningPeer, options: LoadOptions): Promise<number> {
  const result = await runGenerator<{ readonly servedMicroseconds: Latency }>(peer, {
    ...options,
    mode: "newcomer",
    rate: NEWCOMERS_PER_SECOND,
  });
  return result.servedMicroseconds.max / 1000;
}

function ms(microseconds: number): string {
  return `${(microseconds / 1000).toFixed(1)} ms`;
}

function rowsOf({ title }: FairnessLoad, measured: Measurements<Measured>): Row[] {
  const label = `beside ${title}`;
  const row = (what: string, unit: string, pick: (each: Measured) => number, bound: number | null): Row => {
    const figures = figuresOf(measured, pick);
    return {
      label: `${label}: ${what}`,
      unit,
      figures,
      checks: bound === null ? [] : [limitCheck(figures, unit, bound)],
    };
  };
  const newcomers = (["amqp", "mqtt", "stomp"] as const).map((protocol): Row => {
    const served = [...measured].filter(([, each]) => "failure" in each || each.newcomerMs.has(protocol));
    const figures = figuresOf(new Map(served), (each) => each.newcomerMs.get(protocol) as number);
    const what = `a new client of ${protocol.toUpperCase()} served, slowest`;
    return { label: `${label}: ${what}`, unit: "ms", figures, checks: [limitCheck(figures, "ms", 100)] };
  });
  return [
    row("another client's ping, p50", "ms", (each) => each.ping.p50 / 1000, null),
    row("another client's ping, p99", "ms", (each) => each.ping.p99 / 1000, 10),
    row("another client's ping, longest", "ms", (each) => each.ping.max / 1000, 25),
    ...newcomers,
    row("memory over the start", "MiB", (each) => each.growthMiB, 300),
    row("deliveries", "messages/s", (each) => each.deliveredPerSecond, null),
  ];
}
