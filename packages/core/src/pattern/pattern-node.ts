import type { CharacterSet } from "./character-set.ts";

/** What holds between two characters. */
export type Assertion = "start" | "end" | "word-boundary" | "no-word-boundary";

/** A pattern as a tree. */
export type PatternNode =
  | { readonly kind: "set"; readonly set: CharacterSet }
  | { readonly kind: "assertion"; readonly assertion: Assertion }
  | { readonly kind: "sequence"; readonly nodes: readonly PatternNode[] }
  | { readonly kind: "choice"; readonly nodes: readonly PatternNode[] }
  /** `max` is -1 where there is no end. */
  | { readonly kind: "repeat"; readonly node: PatternNode; readonly min: number; readonly max: number };
