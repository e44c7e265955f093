import { type HostileArguments, parseHostileArguments, usage } from "./arguments.ts";
import type { Attack } from "./attack.ts";
import { attacks } from "./attacks/index.ts";
import { floodByTurns } from "./by-turns.ts";
import { attackOnce } from "./hostile.ts";
import { reportOf } from "./report.ts";

const attackMsMax = 300_000;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Returns how many attacks the broker did not stand. */
async function attackAll(chosen: readonly Attack[], { stores, ...options }: HostileArguments): Promise<number> {
  let fallen = 0;
  for (const store of stores) {
    for (const attack of chosen) {
      say(`--- ${attack.title} (${store})`);
      const result = await attackOnce(attack, store, { ...options, attackMsMax });
      say(reportOf(result));
      if (result.failures.length > 0) fallen++;
    }
  }
  say(`${chosen.length * stores.length - fallen} stood, ${fallen} fell`);
  return fallen;
}

/** Returns how many promises were broken. */
async function flood(
  chosen: readonly Attack[],
  minutes: number,
  { stores, ...options }: HostileArguments,
): Promise<number> {
  const floods = chosen.filter(({ kind }) => kind === "flood");
  let broken = 0;
  for (const store of stores) {
    say(`--- ${floods.length} floods by turns, ${minutes} minutes (${store})`);
    const startedMs = performance.now();
    const note = (text: string): void => say(`${((performance.now() - startedMs) / 1000).toFixed(0)} s: ${text}`);
    const failures = await floodByTurns(floods, store, {
      ...options,
      attackMsMax,
      milliseconds: minutes * 60_000,
      note,
    });
    for (const failure of failures) say(`  BROKEN: ${failure.replaceAll("\n", "\n    ")}`);
    if (failures.length === 0) say("memory is flat, and every promise was kept");
    broken += failures.length;
  }
  return broken;
}

async function main(options: HostileArguments): Promise<void> {
  const { only, minutes } = options;
  const chosen = attacks.filter(({ name }) => only.length === 0 || only.some((part) => name.includes(part)));
  if (chosen.length === 0) throw new Error(`no attack is called ${only.join(" or ")}`);
  const faults = minutes === null ? await attackAll(chosen, options) : await flood(chosen, minutes, options);
  process.exitCode = faults === 0 ? 0 : 1;
}

const argv = process.argv.slice(2);
if (argv.includes("--help")) say(usage);
else {
  try {
    await main(parseHostileArguments(argv));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 2;
  }
}
