import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Attack } from "./attack.ts";
import { runAttacker } from "./attack-process.ts";
import type { HostileOptions } from "./hostile.ts";
import { Keeper } from "./quiet/keeper.ts";
import { keptPaths } from "./quiet/kept-paths.ts";
import { Newcomers } from "./quiet/newcomers.ts";
import { QuietClients } from "./quiet/quiet-clients.ts";
import type { Waits } from "./quiet/waits.ts";
import { Broker } from "./stage/broker.ts";
import { openStore, type StoreName } from "./stage/store.ts";
import { lasting, until } from "./waiting.ts";

export interface ByTurnsOptions extends HostileOptions {
  /** Rounds of all floods begin until so much time is over; one at least. */
  readonly milliseconds: number;
  readonly note: (text: string) => void;
}

/** What is left of a turn's memory is looked at so long after it. */
const restMs = 3000;
const settleMs = 60_000;
/** A flood that slows newcomers by right (wrong passwords from their address) is forgotten after a minute without it. */
const newcomersSettleMs = 90_000;
const heapMiB = 1024;
const ceilingMiB = 2560;
const descriptors = 8192;
/** Memory is flat where the last rounds have no more than this over the first ones. */
const driftMiBMax = 64;

/** All floods by turns on one broker, while keepers of each protocol hold it to its promises. Returns what was broken. */
export async function floodByTurns(
  floods: readonly Attack[],
  store: StoreName,
  options: ByTurnsOptions,
): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), "jackalope-flood-"));
  const opened = await openStore(store, folder);
  const failures: string[] = [];
  try {
    const broker = await Broker.start({ store: opened.arguments, arguments: [], heapMiB, descriptors, ceilingMiB });
    try {
      await playRounds(broker, floods, options, failures);
    } catch (error) {
      failures.push((error as Error).message);
    }
    if (broker.ending !== null) failures.push(`${broker.ending}\n${broker.lastWords()}`);
    await broker.end("SIGTERM");
    const faults = broker.faults(null);
    if (faults.length > 0) failures.push(`${faults.length} errors in the log: ${faults.slice(0, 3).join(" | ")}`);
  } finally {
    await opened.close();
    rmSync(folder, { recursive: true, force: true });
  }
  return failures;
}

async function playRounds(
  broker: Broker,
  floods: readonly Attack[],
  options: ByTurnsOptions,
  failures: string[],
): Promise<void> {
  const quiet = await QuietClients.open(broker.ports);
  const newcomers = new Newcomers(broker.ports);
  const keepers: Keeper[] = [];
  for (const path of await keptPaths(broker.ports)) keepers.push(await Keeper.start(path));
  const waits = [...quiet.waits, ...newcomers.waits];
  const restingMiB: number[][] = [];
  const endMs = performance.now() + options.milliseconds;
  do {
    const round: number[] = [];
    for (const flood of floods) {
      await playTurn(broker, flood, waits, options, failures);
      if (broker.ending !== null) break;
      round.push(broker.residentMiB);
    }
    restingMiB.push(round);
  } while (performance.now() < endMs && broker.ending === null);
  await Promise.all(keepers.map((keeper) => keeper.end()));
  await quiet.close();
  await newcomers.close();
  for (const keeper of keepers) {
    options.note(String(keeper));
    failures.push(...keeper.faults);
  }
  failures.push(...driftOf(restingMiB, options.note));
}

async function playTurn(
  broker: Broker,
  flood: Attack,
  waits: readonly Waits[],
  options: ByTurnsOptions,
  failures: string[],
): Promise<void> {
  for (const wait of waits) wait.clear();
  broker.resetPeak();
  const outcome = await runAttacker(flood, broker, options);
  const counts = waits.map(({ count }) => count);
  const served = (): boolean => waits.every(({ count }, index) => count >= (counts[index] as number) + 2);
  await until(`everybody served after ${flood.name}`, () => served() || broker.ending !== null, settleMs);
  await settled(flood, waits, options, () => broker.ending !== null);
  await lasting(restMs);
  const memory = `${broker.peakMiB.toFixed(0)} MiB at most, ${broker.residentMiB.toFixed(0)} after it`;
  options.note(`${flood.name}: ${[...outcome.notes, memory, waits.join(", ")].join("; ")}`);
  failures.push(...outcome.failures.map((failure) => `${flood.name}: ${failure}`));
  for (const wait of waits) {
    const msMax = wait.name.startsWith("new") ? (flood.newcomerMsMax ?? options.newcomerMsMax) : options.waitMsMax;
    if (wait.failure !== null) failures.push(`${flood.name}: ${wait.name}: ${wait.failure}`);
    wait.failure = null;
    if (wait.longestMs > msMax) failures.push(`${flood.name}: ${wait.name} waited ${wait.longestMs.toFixed(0)} ms`);
  }
}

/** Resolves when newcomers wait no longer than usual: what a flood may do to them is no excuse for the next one. */
async function settled(
  flood: Attack,
  waits: readonly Waits[],
  { newcomerMsMax }: ByTurnsOptions,
  ended: () => boolean,
): Promise<void> {
  if (flood.newcomerMsMax === undefined) return;
  const asUsual = (): boolean => waits.every(({ name, lastMs }) => !name.startsWith("new") || lastMs <= newcomerMsMax);
  await until(`newcomers as usual after ${flood.name}`, () => asUsual() || ended(), newcomersSettleMs);
}

/** Memory at rest after each flood: the last third of the rounds against the first. */
function driftOf(rounds: readonly (readonly number[])[], note: (text: string) => void): readonly string[] {
  const third = Math.floor(rounds.length / 3);
  if (third === 0) return [];
  const first = median(rounds.slice(0, third).flat());
  const last = median(rounds.slice(-third).flat());
  note(
    `memory at rest: ${first.toFixed(0)} MiB in the first third of ${rounds.length} rounds, ${last.toFixed(0)} in the last`,
  );
  return last - first > driftMiBMax ? [`memory is not flat: it grew by ${(last - first).toFixed(0)} MiB`] : [];
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
