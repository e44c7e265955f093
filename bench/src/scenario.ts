import type { Bench } from "./bench.ts";
import type { Row } from "./row.ts";

export interface Scenario {
  /** What --only calls it. */
  readonly name: string;
  readonly title: string;
  run(bench: Bench): Promise<readonly Row[]>;
}
