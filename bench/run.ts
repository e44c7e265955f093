import { mkdirSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { type BenchArguments, parseBenchArguments, usage } from "./src/arguments.ts";
import { Bench } from "./src/bench.ts";
import { buildGenerator } from "./src/generator.ts";
import { describeMachine } from "./src/machine.ts";
import type { Peer, PeerName } from "./src/peer.ts";
import { aedes } from "./src/peers/aedes.ts";
import { jackalope } from "./src/peers/jackalope.ts";
import { jackalopeRedis } from "./src/peers/jackalope-redis.ts";
import { lavinmq } from "./src/peers/lavinmq.ts";
import { mosquitto } from "./src/peers/mosquitto.ts";
import { nats } from "./src/peers/nats.ts";
import { rabbitmq } from "./src/peers/rabbitmq.ts";
import { ruler } from "./src/peers/ruler.ts";
import { type Row, passes } from "./src/row.ts";
import { scenarios } from "./src/scenarios/index.ts";
import { renderTable } from "./src/table.ts";

/** A load average above it means that the peers will not have the machine to themselves. */
const BUSY_LOAD = 0.5;

const note = (text: string): void => console.error(text);

/** The peers that were asked for and are installed, with the table's names for them; says which are missing. */
function findPeers(wanted: readonly PeerName[]): { peers: Peer[]; columns: Map<PeerName, string> } {
  const columns = new Map<PeerName, string>();
  const peers = [ruler, rabbitmq, lavinmq, mosquitto, nats, aedes, jackalope, jackalopeRedis].filter((peer) => {
    if (!wanted.includes(peer.name)) return false;
    const title = peer.find();
    if (title === null) note(`${peer.name} is not installed here: its column and the comparisons with it are left out`);
    else columns.set(peer.name, title);
    return title !== null;
  });
  return { peers, columns };
}

async function measure(bench: Bench, only: readonly string[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (const scenario of scenarios) {
    if (!only.includes(scenario.name)) continue;
    note(`--- ${scenario.title}`);
    rows.push(...(await scenario.run(bench)));
  }
  return rows;
}

async function main(options: BenchArguments): Promise<void> {
  buildGenerator();
  mkdirSync(options.directory, { recursive: true });
  const machine = describeMachine(options.directory);
  if (machine.filesystem === "tmpfs")
    note("the peers' data is in memory (tmpfs): durable figures mean nothing; see --dir");
  const [busy = 0] = loadavg();
  if (busy > BUSY_LOAD)
    note(`others use this machine (load average ${busy.toFixed(1)}): expect latency above all to suffer`);
  const { peers, columns } = findPeers(options.peers);
  const bench = new Bench({ peers, rounds: options.rounds, quick: options.quick, directory: options.directory, note });
  process.once("SIGINT", () => void bench.close().finally(() => process.exit(130)));
  try {
    const rows = await measure(bench, options.only);
    console.log(renderTable(machine, columns, rows));
    if (options.jsonFile !== null) writeFileSync(options.jsonFile, `${json({ machine, peers: columns, rows })}\n`);
    if (rows.some(hasFailed)) process.exitCode = 1;
  } finally {
    await bench.close();
  }
}

function hasFailed(row: Row): boolean {
  return [...row.figures.values()].some((figure) => typeof figure !== "number");
}

function json(report: { machine: object; peers: ReadonlyMap<PeerName, string>; rows: readonly Row[] }): string {
  const rows = report.rows.map((row) => ({
    ...row,
    checks: row.checks.map((check) => ({ ...check, pass: passes(check) })),
  }));
  return JSON.stringify(
    { ...report, rows },
    (_, value: unknown) => (value instanceof Map ? Object.fromEntries(value) : value),
    2,
  );
}

const argv = process.argv.slice(2);
if (argv.includes("--help")) {
  console.log(usage);
} else {
  try {
    await main(
      parseBenchArguments(
        argv,
        scenarios.map((scenario) => scenario.name),
      ),
    );
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 2;
  }
}
