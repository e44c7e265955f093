import { CharacterSet, type CodePointRange, dotRanges, escapedSets, posixSets } from "./character-set.ts";
import { PatternError } from "./pattern-error.ts";
import type { Assertion, PatternNode } from "./pattern-node.ts";

const assertionEscapes: ReadonlyMap<string, Assertion> = new Map([
  ["A", "start"],
  ["z", "end"],
  ["Z", "end"],
  ["b", "word-boundary"],
  ["B", "no-word-boundary"],
]);

const controlEscapes: ReadonlyMap<string, number> = new Map([
  ["n", 10],
  ["r", 13],
  ["t", 9],
  ["f", 12],
  ["v", 11],
  ["e", 27],
  ["a", 7],
  ["0", 0],
]);

const repeatCountMax = 1000;

/**
 * Reads a pattern: what PCRE and JavaScript have in common, with PCRE's `(?i)`, `\A`, `\z` and POSIX classes. What cannot
 * be matched in linear time is refused by its name: lookarounds, references to groups, atomic groups and possessive
 * quantifiers.
 */
class PatternParser {
  readonly #pattern: string;
  readonly #characters: readonly string[];
  #at = 0;
  #ignoresCase = false;

  constructor(pattern: string) {
    this.#pattern = pattern;
    this.#characters = Array.from(pattern);
  }

  whole(): PatternNode {
    const node = this.#choice();
    if (this.#at < this.#characters.length) throw this.#error("a ')' without its '('");
    return node;
  }

  get #next(): string | undefined {
    return this.#characters[this.#at];
  }

  #take(text: string): boolean {
    for (let index = 0; index < text.length; index++) {
      if (this.#characters[this.#at + index] !== text[index]) return false;
    }
    this.#at += text.length;
    return true;
  }

  #error(why: string): PatternError {
    return new PatternError(this.#pattern, why);
  }

  #notLinear(what: string): PatternError {
    return this.#error(`${what} cannot be matched in linear time`);
  }

  #choice(): PatternNode {
    // A flag that is set inside a group ends with it.
    const ignoresCase = this.#ignoresCase;
    const nodes = [this.#sequence()];
    while (this.#take("|")) nodes.push(this.#sequence());
    this.#ignoresCase = ignoresCase;
    return nodes.length === 1 ? (nodes[0] as PatternNode) : { kind: "choice", nodes };
  }

  #sequence(): PatternNode {
    const nodes: PatternNode[] = [];
    for (let next = this.#next; next !== undefined && next !== "|" && next !== ")"; next = this.#next) {
      const atom = this.#atom();
      nodes.push(atom.kind === "assertion" ? atom : this.#repeated(atom));
    }
    return { kind: "sequence", nodes };
  }

  #repeated(node: PatternNode): PatternNode {
    const [min, max] = this.#quantifier() ?? [1, 1];
    if (min === 1 && max === 1) return node;
    if (this.#take("+")) throw this.#notLinear("a possessive quantifier");
    // A lazy quantifier finds another place, not another answer.
    this.#take("?");
    if (this.#quantifier() !== null) throw this.#error("a quantifier behind a quantifier");
    return { kind: "repeat", node, min, max };
  }

  #quantifier(): readonly [min: number, max: number] | null {
    if (this.#take("*")) return [0, -1];
    if (this.#take("+")) return [1, -1];
    if (this.#take("?")) return [0, 1];
    if (this.#next !== "{") return null;
    const rest = this.#characters.slice(this.#at, this.#at + 16).join("");
    const match = /^\{(\d{1,6})(,?)(\d{0,6})\}/.exec(rest);
    if (match === null) return null;
    this.#at += match[0].length;
    const min = Number(match[1]);
    const max = match[2] === "" ? min : match[3] === "" ? -1 : Number(match[3]);
    if (min > repeatCountMax || max > repeatCountMax) throw this.#error(`more than ${repeatCountMax} repetitions`);
    if (max >= 0 && max < min) throw this.#error("the numbers of a quantifier are out of order");
    return [min, max];
  }

  #atom(): PatternNode {
    const character = this.#characters[this.#at++] as string;
    switch (character) {
      case "(":
        return this.#group();
      case "[":
        return this.#class();
      case ".":
        return this.#set(dotRanges);
      case "^":
        return { kind: "assertion", assertion: "start" };
      case "$":
        return { kind: "assertion", assertion: "end" };
      case "\\":
        return this.#escape();
      case "*":
      case "+":
      case "?":
        throw this.#error("a quantifier behind nothing");
      default:
        return this.#set(single(character));
    }
  }

  #set(ranges: readonly CodePointRange[], negated = false): PatternNode {
    return { kind: "set", set: new CharacterSet(ranges, negated, this.#ignoresCase) };
  }

  #group(): PatternNode {
    if (this.#take("?")) {
      for (const sign of ["=", "!", "<=", "<!"]) if (this.#take(sign)) throw this.#notLinear("a lookaround");
      if (this.#take(">")) throw this.#notLinear("an atomic group");
      if (this.#take("P=")) throw this.#notLinear("a reference to a group");
      if (this.#take("i)")) {
        this.#ignoresCase = true;
        return { kind: "sequence", nodes: [] };
      }
      const ignoresCase = this.#ignoresCase;
      if (this.#take("i:")) this.#ignoresCase = true;
      else if (!this.#take(":")) this.#groupName();
      const node = this.#rest();
      this.#ignoresCase = ignoresCase;
      return node;
    }
    if (this.#next === "*") throw this.#notLinear("a verb");
    return this.#rest();
  }

  #groupName(): void {
    const rest = this.#characters.slice(this.#at, this.#at + 40).join("");
    const match = /^(?:P?<[A-Za-z_]\w{0,31}>|'[A-Za-z_]\w{0,31}')/.exec(rest);
    if (match === null) throw this.#error(`the group '(?${rest.slice(0, 3)}' is not supported`);
    this.#at += match[0].length;
  }

  #rest(): PatternNode {
    const node = this.#choice();
    if (!this.#take(")")) throw this.#error("a '(' without its ')'");
    return node;
  }

  #escape(): PatternNode {
    const character = this.#next;
    const assertion = assertionEscapes.get(character ?? "");
    if (assertion !== undefined) {
      this.#at++;
      return { kind: "assertion", assertion };
    }
    return this.#set(this.#escapedRanges());
  }

  /** What stands behind a backslash, inside a class or outside. */
  #escapedRanges(): readonly CodePointRange[] {
    const character = this.#characters[this.#at++];
    if (character === undefined) throw this.#error("it ends in a backslash");
    const set = escapedSets.get(character);
    if (set !== undefined) return set;
    const control = controlEscapes.get(character);
    if (control !== undefined) return [[control, control]];
    if (character === "x" || character === "u") return this.#numbered();
    if (/^[1-9kg]$/.test(character)) throw this.#notLinear("a reference to a group");
    if (/^[A-Za-z0-9]$/.test(character)) throw this.#error(`the escape '\\${character}' is not supported`);
    return single(character);
  }

  /** `\xHH`, `\uHHHH`, and both with braces. */
  #numbered(): readonly CodePointRange[] {
    const rest = this.#characters.slice(this.#at - 1, this.#at + 9).join("");
    const match = /^(?:[xu]\{([0-9a-fA-F]{1,6})\}|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4}))/.exec(rest);
    const codePoint = Number.parseInt(match?.[1] ?? match?.[2] ?? match?.[3] ?? "", 16);
    if (match === null || codePoint > 0x10_ffff) throw this.#error(`the escape '\\${rest.slice(0, 1)}' needs a number`);
    this.#at += match[0].length - 1;
    return [[codePoint, codePoint]];
  }

  #class(): PatternNode {
    const negated = this.#take("^");
    const ranges: CodePointRange[] = [];
    // PCRE: a bracket that comes first is one of the characters.
    for (let isFirst = true; isFirst || this.#next !== "]"; isFirst = false) {
      if (this.#next === undefined) throw this.#error("a '[' without its ']'");
      ranges.push(...this.#member());
    }
    this.#at++;
    return this.#set(ranges, negated);
  }

  #member(): readonly CodePointRange[] {
    const posix = this.#posix();
    if (posix !== null) return posix;
    const first = this.#classCharacter();
    if (first === null) return this.#lastClassSet;
    const ahead = this.#characters[this.#at + 1];
    if (this.#next !== "-" || ahead === "]" || ahead === undefined) return [[first, first]];
    this.#at++;
    const last = this.#classCharacter();
    if (last === null || last < first) throw this.#error("a range of a class is out of order");
    return [[first, last]];
  }

  #lastClassSet: readonly CodePointRange[] = [];

  /** One character of a class; null for an escape that stands for several, which is in `#lastClassSet`. */
  #classCharacter(): number | null {
    const character = this.#characters[this.#at++] as string;
    if (character !== "\\") return character.codePointAt(0) as number;
    if (this.#take("b")) return 8;
    const ranges = this.#escapedRanges();
    const [range] = ranges;
    if (ranges.length === 1 && range !== undefined && range[0] === range[1]) return range[0];
    this.#lastClassSet = ranges;
    return null;
  }

  #posix(): readonly CodePointRange[] | null {
    if (this.#next !== "[" || this.#characters[this.#at + 1] !== ":") return null;
    const match = /^\[:([a-z]{1,10}):\]/.exec(this.#characters.slice(this.#at, this.#at + 14).join(""));
    if (match === null) return null;
    const set = posixSets.get(match[1] ?? "");
    if (set === undefined) throw this.#error(`the class '${match[0]}' is not supported`);
    this.#at += match[0].length;
    return set;
  }
}

function single(character: string): readonly CodePointRange[] {
  const codePoint = character.codePointAt(0) as number;
  return [[codePoint, codePoint]];
}

/** Reads a pattern. Throws PatternError. */
export function parsePattern(pattern: string): PatternNode {
  return new PatternParser(pattern).whole();
}
