/** Code points from `first` to `last`. */
export type CodePointRange = readonly [first: number, last: number];

const codePointMax = 0x10_ffff;

/** A set of code points, as a class or an escape of a pattern names it. */
export class CharacterSet {
  readonly #ranges: readonly CodePointRange[];
  readonly #negated: boolean;
  readonly #ignoresCase: boolean;

  constructor(ranges: readonly CodePointRange[], negated = false, ignoresCase = false) {
    this.#ranges = ranges;
    this.#negated = negated;
    this.#ignoresCase = ignoresCase;
  }

  has(codePoint: number): boolean {
    if (this.#holds(codePoint)) return !this.#negated;
    if (!this.#ignoresCase) return this.#negated;
    const text = String.fromCodePoint(codePoint);
    const found = this.#holds(only(text.toLowerCase())) || this.#holds(only(text.toUpperCase()));
    return found !== this.#negated;
  }

  #holds(codePoint: number): boolean {
    for (let index = 0; index < this.#ranges.length; index++) {
      const [first, last] = this.#ranges[index] as CodePointRange;
      if (codePoint >= first && codePoint <= last) return true;
    }
    return false;
  }
}

/** The code point of a text that is one; -1 for others, such as the capital form of "ß". */
function only(text: string): number {
  const codePoint = text.codePointAt(0) ?? -1;
  return text.length === (codePoint > 0xffff ? 2 : 1) ? codePoint : -1;
}

function rangesOf(text: string): readonly CodePointRange[] {
  const ranges: CodePointRange[] = [];
  for (let index = 0; index < text.length; index += 2) {
    ranges.push([text.charCodeAt(index), text.charCodeAt(index + 1)]);
  }
  return ranges;
}

/** All code points that are in none of `ranges`. */
function complement(ranges: readonly CodePointRange[]): readonly CodePointRange[] {
  const rest: CodePointRange[] = [];
  let next = 0;
  for (const [first, last] of [...ranges].sort((left, right) => left[0] - right[0])) {
    if (first > next) rest.push([next, first - 1]);
    next = Math.max(next, last + 1);
  }
  if (next <= codePointMax) rest.push([next, codePointMax]);
  return rest;
}

const digit = rangesOf("09");
const word = rangesOf("09AZ__az");
/** JavaScript's, which has Unicode's spaces too. */
const space = rangesOf(
  "\t\r  \u00a0\u00a0\u1680\u1680\u2000\u200a\u2028\u2029\u202f\u202f\u205f\u205f\u3000\u3000\ufeff\ufeff",
);

/** What the escapes `\d`, `\w`, `\s` and their capitals stand for. */
export const escapedSets: ReadonlyMap<string, readonly CodePointRange[]> = new Map([
  ["d", digit],
  ["D", complement(digit)],
  ["w", word],
  ["W", complement(word)],
  ["s", space],
  ["S", complement(space)],
]);

/** The names of POSIX inside a class: `[[:alpha:]]`. */
export const posixSets: ReadonlyMap<string, readonly CodePointRange[]> = new Map([
  ["alnum", rangesOf("09AZaz")],
  ["alpha", rangesOf("AZaz")],
  ["digit", digit],
  ["lower", rangesOf("az")],
  ["upper", rangesOf("AZ")],
  ["punct", rangesOf("!/:@[`{~")],
  ["space", rangesOf("\t\r  ")],
  ["word", word],
  ["xdigit", rangesOf("09AFaf")],
]);

/** Everything but the ends of lines: the dot. */
export const dotRanges: readonly CodePointRange[] = complement(rangesOf("\n\n\r\r\u2028\u2029"));

/** True for what `\b` counts as part of a word; -1 is the end of the text. */
export function isWordCharacter(codePoint: number): boolean {
  return (
    (codePoint >= 0x61 && codePoint <= 0x7a) ||
    (codePoint >= 0x30 && codePoint <= 0x39) ||
    (codePoint >= 0x41 && codePoint <= 0x5a) ||
    codePoint === 0x5f
  );
}
