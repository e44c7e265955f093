import { SelectorError } from "./selector-error.ts";
import { anyCharacter, codePointsOf, literalSearch, type TextSearch, wildcardSearch } from "./text-search.ts";

/** What stands between two `%` of a pattern, in code points. */
type Piece = readonly number[];

/**
 * Work that the LIKEs of a selector do for one message, in characters looked at; a piece with `_` looks at each again for
 * every 32 characters of its own. It is a few milliseconds.
 */
export const likeWorkMax: number = 128 * 1024;

/** A compiled LIKE pattern. */
export interface LikePattern {
  matches(text: string): boolean;
  /** What `matches` costs at most, as `likeWorkMax` counts. */
  workFor(text: string): number;
}

/**
 * Compiles a LIKE pattern: `%` is any run of characters, `_` any one, and `escape` takes their meaning away. Each piece
 * between two `%` is looked for once and from left to right, behind the one before: the first place is as good as any.
 */
export function likePattern(pattern: string, escape: string | null): LikePattern {
  const pieces = piecesOf(pattern, escape);
  const hasWildcards = pieces.some((piece) => piece.includes(anyCharacter));
  if (!hasWildcards) return { matches: literalPattern(pieces), workFor: (text) => text.length };
  // Once for the code points, and once for each word of the longest piece, as no two look at the same place.
  const passes = 1 + Math.ceil(Math.max(...pieces.map((piece) => piece.length)) / 32);
  return { matches: wildcardPattern(pieces), workFor: (text) => text.length * passes };
}

function piecesOf(pattern: string, escape: string | null): Piece[] {
  let piece: number[] = [];
  const pieces: Piece[] = [];
  const characters = Array.from(pattern);
  for (let index = 0; index < characters.length; index++) {
    const character = characters[index] as string;
    if (character === escape) {
      const next = characters[++index];
      if (next === undefined) throw new SelectorError("a LIKE pattern ends in its escape character");
      piece.push(next.codePointAt(0) as number);
    } else if (character === "%") {
      pieces.push(piece);
      piece = [];
    } else piece.push(character === "_" ? anyCharacter : (character.codePointAt(0) as number));
  }
  pieces.push(piece);
  return pieces;
}

/** A piece that is looked for, with the length of what it finds. */
interface Search<Text> {
  readonly find: TextSearch<Text>;
  readonly length: number;
}

/** The place behind the last of `searches`, each found behind the one before, or -1. */
function behindAll<Text>(searches: readonly Search<Text>[], text: Text, from: number): number {
  let at = from;
  for (const { find, length } of searches) {
    const found = find(text, at);
    if (found < 0) return -1;
    at = found + length;
  }
  return at;
}

function literalPattern(pieces: readonly Piece[]): (text: string) => boolean {
  const texts = pieces.map((piece) => piece.map((codePoint) => String.fromCodePoint(codePoint)).join(""));
  const first = texts[0] as string;
  if (texts.length === 1) return (text) => text === first;
  const last = texts[texts.length - 1] as string;
  const between = texts.slice(1, -1).filter((piece) => piece !== "");
  const searches = between.map((piece) => ({ find: literalSearch(piece), length: piece.length }));
  return (text) => {
    if (!text.startsWith(first) || !text.endsWith(last)) return false;
    const end = behindAll(searches, text, first.length);
    return end >= 0 && end <= text.length - last.length;
  };
}

function wildcardPattern(pieces: readonly Piece[]): (text: string) => boolean {
  const first = pieces[0] as Piece;
  const last = pieces[pieces.length - 1] as Piece;
  const between = pieces.slice(1, -1).filter((piece) => piece.length > 0);
  const searches = between.map((piece) => ({ find: wildcardSearch(piece), length: piece.length }));
  return (source) => {
    const text = codePointsOf(source);
    const lastAt = text.length - last.length;
    if (!standsAt(first, text, 0)) return false;
    if (pieces.length === 1) return text.length === first.length;
    if (!standsAt(last, text, lastAt)) return false;
    const end = behindAll(searches, text, first.length);
    return end >= 0 && end <= lastAt;
  };
}

function standsAt(piece: Piece, text: Uint32Array, at: number): boolean {
  if (at < 0 || at + piece.length > text.length) return false;
  return piece.every((codePoint, index) => codePoint === anyCharacter || codePoint === text[at + index]);
}
