import { fileURLToPath } from "node:url";
import { parseSoakArguments, type SoakArguments, usage } from "./arguments.ts";
import { reportOf } from "./report.ts";
import { runSoak } from "./soak.ts";

const ownProgram = fileURLToPath(new URL("../../../bin/jackalope", import.meta.url));

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function main({ minutes, ...options }: SoakArguments): Promise<void> {
  say(`soak: store ${options.store}, ${minutes} minutes, seed ${options.seed}`);
  const startedMs = performance.now();
  const note = (text: string): void => say(`${((performance.now() - startedMs) / 1000).toFixed(1)} s: ${text}`);
  const result = await runSoak({
    ...options,
    milliseconds: minutes * 60_000,
    program: options.program ?? ownProgram,
    note,
  });
  say(reportOf(result));
  process.exitCode = result.ledger.accusations.length === 0 ? 0 : 1;
}

const argv = process.argv.slice(2);
if (argv.includes("--help")) say(usage);
else {
  try {
    await main(parseSoakArguments(argv));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 2;
  }
}
