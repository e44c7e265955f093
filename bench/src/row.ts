import type { PeerName } from "./peer.ts";

/** A number, or why there is none. */
export type Figure = number | { readonly failure: string };

/** One line of the table: the same thing measured on several peers, and what was promised of it. */
export interface Row {
  readonly label: string;
  readonly unit: string;
  readonly figures: ReadonlyMap<PeerName, Figure>;
  /** In brackets after the figure, such as the broker's CPU time a message. */
  readonly details?: ReadonlyMap<PeerName, string>;
  readonly checks: readonly Check[];
}

/** A target. `value` is null where the figures it needs are missing. */
export interface Check {
  readonly text: string;
  readonly value: number | null;
  readonly bound: number;
  readonly kind: "at least" | "at most";
}

export function passes(check: Check): boolean | null {
  if (check.value === null) return null;
  return check.kind === "at least" ? check.value >= check.bound : check.value <= check.bound;
}

/** Jackalope's figure divided by a peer's (of another row, when one is given), which should be at least `bound`. */
export function ratioCheck(
  figures: Row["figures"],
  peer: PeerName,
  bound: number,
  other: Row["figures"] = figures,
): Check {
  const own = figures.get("jackalope");
  const theirs = other.get(peer);
  const value = typeof own === "number" && typeof theirs === "number" && theirs > 0 ? own / theirs : null;
  return { text: `× ${peer}`, value, bound, kind: "at least" };
}

/** One peer's figure divided by another's, which should be at least `bound`. */
export function ratioOf(figures: Row["figures"], own: PeerName, other: PeerName, bound: number): Check {
  const [mine, theirs] = [figures.get(own), figures.get(other)];
  const value = typeof mine === "number" && typeof theirs === "number" && theirs > 0 ? mine / theirs : null;
  return { text: `× ${other}`, value, bound, kind: "at least" };
}

/** Jackalope's own figure, which should be at least `bound`. */
export function floorCheck(figures: Row["figures"], unit: string, bound: number): Check {
  return { ...limitCheck(figures, unit, bound), kind: "at least" };
}

/** Jackalope's own figure, which should be at most `bound`. */
export function limitCheck(figures: Row["figures"], unit: string, bound: number): Check {
  const own = figures.get("jackalope");
  return { text: unit, value: typeof own === "number" ? own : null, bound, kind: "at most" };
}
