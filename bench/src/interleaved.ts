import type { Bench } from "./bench.ts";
import { featuresOf, type LoadOptions, type LoadResult, load } from "./generator.ts";
import { median } from "./median.ts";
import type { PeerName } from "./peer.ts";
import type { Figure, Row } from "./row.ts";

/** What each peer's rounds came to; a peer that failed once has failed. */
export type Outcomes = ReadonlyMap<PeerName, readonly LoadResult[] | { readonly failure: string }>;

/** Drives the peers in turn, round after round (A, B, C, A, B, C, …), so that a slow minute of the machine hits all. */
export async function interleaved(
  bench: Bench,
  title: string,
  wanted: readonly PeerName[],
  options: LoadOptions,
): Promise<Outcomes> {
  const outcomes = new Map<PeerName, LoadResult[] | { failure: string }>();
  for (let round = 1; round <= bench.rounds; round++) {
    for (const name of bench.taking(wanted)) {
      const before = outcomes.get(name) ?? [];
      if (!Array.isArray(before)) continue;
      try {
        const result = await load(await bench.running(name, featuresOf(options)), options);
        bench.note(`${title}, round ${round}, ${name}: ${Math.round(result.deliveredPerSecond)}/s`);
        outcomes.set(name, [...before, result]);
      } catch (error) {
        outcomes.set(name, { failure: failureText(error) });
        bench.note(`${title}, round ${round}, ${name}: ${failureText(error)}`);
      }
    }
  }
  return outcomes;
}

export function failureText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The median over the rounds of one figure. */
export function medians(outcomes: Outcomes, figure: (result: LoadResult) => number): Map<PeerName, Figure> {
  const figures = new Map<PeerName, Figure>();
  for (const [name, outcome] of outcomes) {
    if ("failure" in outcome) figures.set(name, outcome);
    else figures.set(name, median(outcome.map(figure)));
  }
  return figures;
}

/** The broker's CPU time a message, for the brackets; and that of the server that keeps its store. */
export function cpuDetails(outcomes: Outcomes): Map<PeerName, string> {
  const details = new Map<PeerName, string>();
  const stores = medians(outcomes, (result) => result.storeMicrosecondsPerMessage ?? 0);
  for (const [name, value] of medians(outcomes, (result) => result.brokerMicrosecondsPerMessage)) {
    const store = stores.get(name);
    if (typeof value !== "number") continue;
    details.set(name, typeof store === "number" && store > 0 ? `${micros(value)} + ${micros(store)}` : micros(value));
  }
  return details;
}

function micros(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 0)} µs`;
}

/** A row of delivered messages a second with the broker's CPU time. */
export function deliveryRow(
  label: string,
  outcomes: Outcomes,
  checks: (figures: Row["figures"]) => Row["checks"],
): Row {
  const figures = medians(outcomes, (result) => result.deliveredPerSecond);
  return { label, unit: "messages/s", figures, details: cpuDetails(outcomes), checks: checks(figures) };
}

/** How long a closed loop is measured, and how long it runs before that. */
export function closedLoop(bench: Bench): { readonly seconds: number; readonly "warm-up": number } {
  return bench.quick ? { seconds: 1, "warm-up": 0.5 } : { seconds: 3, "warm-up": 1 };
}
