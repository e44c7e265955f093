import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { type PeerName, peerNames } from "./peer.ts";

export interface BenchArguments {
  readonly only: readonly string[];
  readonly peers: readonly PeerName[];
  readonly rounds: number;
  readonly quick: boolean;
  readonly jsonFile: string | null;
  readonly directory: string;
}

export const usage: string = `npm run bench -- [options]
  --only NAME[,NAME]    scenarios to run (default: all)
  --peers NAME[,NAME]   of ${peerNames.join(", ")} (default: all that are installed)
  --rounds N            interleaved rounds, of which the median counts (default 3; 1 with --quick)
  --quick               short runs and a small backlog: to see that it works, not to quote
  --json FILE           the same figures as JSON
  --dir DIR             where the peers keep their data (default: the temporary directory); a real disk, not tmpfs`;

/** Reads the command line. Throws an Error that names the option and what it wants. */
export function parseBenchArguments(argv: readonly string[], scenarioNames: readonly string[]): BenchArguments {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      only: { type: "string" },
      peers: { type: "string" },
      rounds: { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "string" },
      dir: { type: "string", default: tmpdir() },
    },
  });
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 3));
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error(`--rounds ${values.rounds}: a whole number from 1 is wanted`);
  return {
    only: chosen("only", values.only, scenarioNames),
    peers: chosen("peers", values.peers, peerNames),
    rounds,
    quick: values.quick,
    jsonFile: values.json ?? null,
    directory: values.dir,
  };
}

function chosen<T extends string>(option: string, text: string | undefined, known: readonly T[]): readonly T[] {
  if (text === undefined) return known;
  return text.split(",").map((word) => {
    const found = known.find((name) => name === word);
    if (found === undefined) throw new Error(`--${option} ${word}: not one of ${known.join(", ")}`);
    return found;
  });
}
