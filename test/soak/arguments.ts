import { parseArgs } from "node:util";
import type { StoreName } from "./stage/stage.ts";

export interface SoakArguments {
  readonly store: StoreName;
  readonly minutes: number;
  readonly seed: number;
  readonly only: readonly string[];
  readonly perSecond: number;
  readonly leaseMs: number;
  readonly directory: string | null;
  /** bin/jackalope; null for the one of this checkout. */
  readonly program: string | null;
}

export const usage: string = `npm run soak -- [options]
  --minutes N        rounds of faults begin until N minutes are over (default 10); a round is every fault once
  --seed S           decides the faults, their order and their lengths (default: by chance; it is printed)
  --store NAME       redis (default): two brokers on a redis-server; embedded: one broker on its data folder
  --only PART[,PART] faults with one of these texts in their names
  --rate N           messages a second of each of the four producers (default 300)
  --lease MS         the lease of the brokers (default 1500)
  --dir DIR          where data and logs are kept (default: the temporary folder); deleted if all is well
  --program FILE     the broker (default: bin/jackalope of this checkout)`;

/** Reads the command line. Throws an Error that names the option and what it wants. */
export function parseSoakArguments(argv: readonly string[]): SoakArguments {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      minutes: { type: "string", default: "10" },
      seed: { type: "string", default: String(Math.floor(Math.random() * 1_000_000)) },
      store: { type: "string", default: "redis" },
      only: { type: "string", default: "" },
      rate: { type: "string", default: "300" },
      lease: { type: "string", default: "1500" },
      dir: { type: "string" },
      program: { type: "string" },
    },
  });
  if (values.store !== "redis" && values.store !== "embedded") {
    throw new Error(`--store ${values.store}: redis or embedded is wanted`);
  }
  return {
    store: values.store,
    minutes: numberOf("minutes", values.minutes, 0),
    seed: numberOf("seed", values.seed, 0),
    only: values.only === "" ? [] : values.only.split(","),
    perSecond: numberOf("rate", values.rate, 1),
    leaseMs: numberOf("lease", values.lease, 500),
    directory: values.dir ?? null,
    program: values.program ?? null,
  };
}

function numberOf(option: string, text: string, least: number): number {
  const value = Number(text);
  if (text === "" || !(value >= least)) throw new Error(`--${option} ${text}: a number from ${least} is wanted`);
  return value;
}
