import type { CharacterSet } from "./character-set.ts";
import { PatternError } from "./pattern-error.ts";
import type { Assertion, PatternNode } from "./pattern-node.ts";

/**
 * More than any sensible pattern comes to: counted repetitions are written out, so `(a{100}){100}` is 10,000. Time for a
 * text is this times its length at most.
 */
export const patternStepsMax = 8192;

/** One step; the next one stands behind it unless it says otherwise. */
export type Instruction =
  | { readonly kind: "set"; readonly set: CharacterSet }
  | { readonly kind: "assertion"; readonly assertion: Assertion }
  /** Goes on at both places. */
  | { readonly kind: "split"; first: number; second: number }
  | { readonly kind: "jump"; to: number }
  | { readonly kind: "match" };

/** Writes a pattern out as steps of an automaton (Thompson's construction). Throws PatternError where they are too many. */
export function programOf(pattern: string, root: PatternNode): readonly Instruction[] {
  const program: Instruction[] = [];
  const add = <Added extends Instruction>(instruction: Added): Added => {
    if (program.length >= patternStepsMax) throw new PatternError(pattern, "it repeats too much");
    program.push(instruction);
    return instruction;
  };

  const optional = (node: PatternNode): void => {
    const split = add({ kind: "split", first: program.length + 1, second: 0 });
    write(node);
    split.second = program.length;
  };

  const unbounded = (node: PatternNode): void => {
    const start = program.length;
    const split = add({ kind: "split", first: start + 1, second: 0 });
    write(node);
    add({ kind: "jump", to: start });
    split.second = program.length;
  };

  const choice = (nodes: readonly PatternNode[]): void => {
    const ends: { to: number }[] = [];
    for (const node of nodes.slice(0, -1)) {
      const split = add({ kind: "split", first: program.length + 1, second: 0 });
      write(node);
      ends.push(add({ kind: "jump", to: 0 }));
      split.second = program.length;
    }
    write(nodes[nodes.length - 1] as PatternNode);
    for (const end of ends) end.to = program.length;
  };

  const write = (node: PatternNode): void => {
    switch (node.kind) {
      case "set":
      case "assertion":
        add(node);
        return;
      case "sequence":
        for (const one of node.nodes) write(one);
        return;
      case "choice":
        choice(node.nodes);
        return;
      case "repeat":
        for (let count = 0; count < node.min; count++) write(node.node);
        if (node.max < 0) unbounded(node.node);
        else for (let count = node.min; count < node.max; count++) optional(node.node);
    }
  };

  write(root);
  add({ kind: "match" });
  return program;
}
