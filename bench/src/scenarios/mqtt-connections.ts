import type { Bench } from "../bench.ts";
import { holdIdleConnections, type Latency, type LoadOptions, runGenerator } from "../generator.ts";
import { failureText } from "../interleaved.ts";
import type { PeerName, RunningPeer } from "../peer.ts";
import { settledResidentBytes } from "../resident-memory.ts";
import { type Figure, floorCheck, limitCheck, type Row } from "../row.ts";
import type { Scenario } from "../scenario.ts";
import { figuresOf, type Measurements, measureEachFresh } from "./each-fresh.ts";

const brokers: readonly PeerName[] = ["rabbitmq", "mosquitto", "aedes", "jackalope"];
/** Long enough that no ping falls into the measurement, and the broker still has its timers to keep. */
const KEEP_ALIVE_SECONDS = 600;
const CONNECTS_PER_SECOND = 2000;
/** Of the schedule; the generator counts until the last answer, so a broker that keeps up misses it by a few. */
const SUSTAINED_SHARE = 0.995;
const UNDER_WAY = 50;

interface Measured {
  readonly residentKiBEach: number;
  readonly scheduled: ConnectResult | { readonly failure: string };
  readonly most: ConnectResult | { readonly failure: string };
}

/** What `load --mode connect` prints. */
interface ConnectResult {
  readonly connectsPerSecond: number;
  readonly connectMicroseconds: Latency;
}

/** 15,000 MQTT connections that say nothing, all of which must still answer a ping at the end; and while they are there,
 * clients that connect and leave: 2,000 a second on a fixed schedule, then as many as the broker takes. */
export const mqttConnections: Scenario = {
  name: "mqtt-connections",
  title: "MQTT: 15,000 idle connections, 2,000 connects/s",
  async run(bench) {
    const count = bench.quick ? 2000 : 15_000;
    const measured = await measureEachFresh(bench, this.title, brokers, (peer) => measure(bench, peer, count));
    return rows(measured, count.toLocaleString("en"));
  },
};

async function measure(bench: Bench, peer: RunningPeer, count: number): Promise<Measured> {
  const churn = { protocol: "mqtt", mode: "connect", seconds: bench.quick ? 1 : 5 } as const;
  const before = await settledResidentBytes(peer.processId);
  return holdIdleConnections(
    peer,
    count,
    async () => {
      const residentKiBEach = ((await settledResidentBytes(peer.processId)) - before) / count / 1024;
      const scheduled = await connects(peer, { ...churn, rate: CONNECTS_PER_SECOND });
      const most = await connects(peer, { ...churn, window: UNDER_WAY });
      const measured = { residentKiBEach, scheduled, most };
      bench.note(`mqtt-connections, ${peer.name}: ${JSON.stringify(measured)}`);
      return measured;
    },
    { protocol: "mqtt", heartbeat: KEEP_ALIVE_SECONDS, stall: 60 },
  );
}

/** A broker that refuses connections keeps its other figures. */
async function connects(peer: RunningPeer, options: LoadOptions): Promise<Measured["most"]> {
  try {
    return await runGenerator<ConnectResult>(peer, options);
  } catch (error) {
    return { failure: failureText(error) };
  }
}

const perSecond = (result: ConnectResult): number => result.connectsPerSecond;

function figureOf(result: Measured["most"], pick: (result: ConnectResult) => number): Figure {
  return "failure" in result ? result : pick(result);
}

function rows(measured: Measurements<Measured>, count: string): Row[] {
  const memory = figuresOf(measured, (each) => each.residentKiBEach);
  const scheduled = figuresOf(measured, (each) => figureOf(each.scheduled, perSecond));
  const floor = CONNECTS_PER_SECOND * SUSTAINED_SHARE;
  return [
    {
      label: `MQTT: ${count} idle connections: resident memory each`,
      unit: "KiB",
      figures: memory,
      checks: [limitCheck(memory, "KiB", 16)],
    },
    {
      label: "MQTT: connects on a schedule of 2,000/s beside them",
      unit: "connects/s",
      figures: scheduled,
      checks: [floorCheck(scheduled, "connects/s", floor)],
    },
    {
      label: "MQTT: the same: until CONNACK, p99",
      unit: "ms",
      figures: figuresOf(measured, (each) =>
        figureOf(each.scheduled, (result) => result.connectMicroseconds.p99 / 1000),
      ),
      checks: [],
    },
    {
      label: `MQTT: connects, ${UNDER_WAY} under way`,
      unit: "connects/s",
      figures: figuresOf(measured, (each) => figureOf(each.most, perSecond)),
      checks: [],
    },
  ];
}
