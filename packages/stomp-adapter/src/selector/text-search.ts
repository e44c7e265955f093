/** Finds a piece of a LIKE pattern: where it begins at or behind `from`, or -1. */
export type TextSearch<Text> = (text: Text, from: number) => number;

/** Below this length `indexOf` compares each place with so few characters that it is linear by itself. */
const shortLength = 8;

/** Finds `piece` in time for the text's length, whatever both are (Knuth, Morris and Pratt). */
export function literalSearch(piece: string): TextSearch<string> {
  if (piece.length < shortLength) return (text, from) => text.indexOf(piece, from);
  const borders = bordersOf(piece);
  return (text, from) => {
    let matched = 0;
    for (let at = from; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      while (matched > 0 && piece.charCodeAt(matched) !== unit) matched = borders[matched - 1] as number;
      if (piece.charCodeAt(matched) === unit) matched++;
      if (matched === piece.length) return at - piece.length + 1;
    }
    return -1;
  };
}

/** For each beginning of `piece` the length of its longest own beginning that is its end as well. */
function bordersOf(piece: string): Uint32Array {
  const borders = new Uint32Array(piece.length);
  let border = 0;
  for (let at = 1; at < piece.length; at++) {
    while (border > 0 && piece.charCodeAt(border) !== piece.charCodeAt(at)) border = borders[border - 1] as number;
    if (piece.charCodeAt(border) === piece.charCodeAt(at)) border++;
    borders[at] = border;
  }
  return borders;
}

/** Stands for any character in a piece of code points. */
export const anyCharacter = -1;

/**
 * Finds a piece with wildcards for single characters. All its beginnings are followed at once, 32 in a word (Baeza-Yates and
 * Gonnet), so the time is that of the text times the piece's length by 32.
 */
export function wildcardSearch(piece: readonly number[]): TextSearch<Uint32Array> {
  const wordCount = Math.ceil(piece.length / 32);
  const elsewhere = new Uint32Array(wordCount);
  const masks = new Map<number, Uint32Array>();
  for (const [index, codePoint] of piece.entries()) {
    if (codePoint === anyCharacter) setBit(elsewhere, index);
    else if (!masks.has(codePoint)) masks.set(codePoint, new Uint32Array(wordCount));
  }
  for (const [codePoint, mask] of masks) {
    for (const [index, one] of piece.entries()) {
      if (one === anyCharacter || one === codePoint) setBit(mask, index);
    }
  }
  const lastWord = (piece.length - 1) >>> 5;
  const lastBit = 1 << ((piece.length - 1) & 31);
  return (text, from) => {
    const state = new Uint32Array(wordCount);
    for (let at = from; at < text.length; at++) {
      const mask = masks.get(text[at] as number) ?? elsewhere;
      let carry = 1;
      for (let word = 0; word < wordCount; word++) {
        const before = state[word] as number;
        state[word] = ((before << 1) | carry) & (mask[word] as number);
        carry = before >>> 31;
      }
      if (((state[lastWord] as number) & lastBit) !== 0) return at - piece.length + 1;
    }
    return -1;
  };
}

function setBit(words: Uint32Array, index: number): void {
  words[index >>> 5] = (words[index >>> 5] as number) | (1 << (index & 31));
}

/** The code points of a text. */
export function codePointsOf(text: string): Uint32Array {
  const codePoints = new Uint32Array(text.length);
  let count = 0;
  for (let at = 0; at < text.length; count++) {
    const codePoint = text.codePointAt(at) as number;
    codePoints[count] = codePoint;
    at += codePoint > 0xffff ? 2 : 1;
  }
  return codePoints.subarray(0, count);
}
