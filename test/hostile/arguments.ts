import { parseArgs } from "node:util";
import { type StoreName, storeNames } from "./stage/store.ts";

export interface HostileArguments {
  readonly only: readonly string[];
  readonly stores: readonly StoreName[];
  readonly long: boolean;
  readonly seconds: number;
  readonly waitMsMax: number;
  readonly newcomerMsMax: number;
  /** All floods by turns on one broker for so long; null for each attack on a broker of its own. */
  readonly minutes: number | null;
}

export const usage: string = `npm run hostile -- [options]     npm run flood -- [options]
  --only PART[,PART]   attacks with one of these texts in their names (default: all)
  --store NAME[,NAME]  embedded, redis (default: both, one after the other)
  --long               numbers as they were met, which takes minutes and memory (default: the short form)
  --seconds S          how long a flood lasts (default 2, with --long 20)
  --wait-max MS        what a client that was there may wait (default 1000, with --long 250)
  --newcomer-max MS    from connecting to the own message (default 3000, with --long 1000)
  --minutes N          all floods by turns on one broker for N minutes (npm run flood: 60); a round at least`;

/** Reads the command line. Throws an Error that names the option and what it wants. */
export function parseHostileArguments(argv: readonly string[]): HostileArguments {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      only: { type: "string", default: "" },
      store: { type: "string", default: storeNames.join(",") },
      long: { type: "boolean", default: false },
      seconds: { type: "string" },
      "wait-max": { type: "string" },
      "newcomer-max": { type: "string" },
      minutes: { type: "string" },
    },
  });
  const { long } = values;
  const stores = values.store.split(",").map((word) => {
    const found = storeNames.find((name) => name === word);
    if (found === undefined) throw new Error(`--store ${word}: one of ${storeNames.join(", ")} is wanted`);
    return found;
  });
  return {
    only: values.only === "" ? [] : values.only.split(","),
    stores,
    long,
    seconds: numberOf("seconds", values.seconds ?? (long ? "20" : "2")),
    waitMsMax: numberOf("wait-max", values["wait-max"] ?? (long ? "250" : "1000")),
    newcomerMsMax: numberOf("newcomer-max", values["newcomer-max"] ?? (long ? "1000" : "3000")),
    minutes: values.minutes === undefined ? null : numberOf("minutes", values.minutes),
  };
}

function numberOf(option: string, text: string): number {
  const value = Number(text);
  if (text === "" || !(value >= 0)) throw new Error(`--${option} ${text}: a number is wanted`);
  return value;
}
