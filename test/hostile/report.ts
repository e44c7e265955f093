import type { AttackResult } from "./hostile.ts";

/** What became of an attack, in words and figures. */
export function reportOf(result: AttackResult): string {
  const { name, store, seconds, startMiB, peakMiB, afterMiB, waits, notes, failures } = result;
  const memory = [startMiB, peakMiB, afterMiB].map((each) => each.toFixed(0)).join(" / ");
  return [
    `${failures.length === 0 ? "stood" : "FELL"} ${name} (${store}), ${seconds.toFixed(1)} s`,
    `  memory at the start / most / after it: ${memory} MiB`,
    `  waits, median/p99/longest: ${waits}`,
    ...notes.map((note) => `  ${note}`),
    ...failures.map((failure) => `  BROKEN: ${failure.replaceAll("\n", "\n    ")}`),
  ].join("\n");
}
