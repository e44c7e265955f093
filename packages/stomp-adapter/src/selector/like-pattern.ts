import { SelectorError } from "./selector-error.ts";

/** A part of a pattern: one character, any character, or any run of characters. */
interface Piece {
  readonly kind: "text" | "one" | "many";
  readonly text: string;
}

/**
 * Compiles a LIKE pattern: `%` is any run of characters, `_` any one, and `escape` takes their meaning away. Matching
 * goes back to the last `%` alone, so that its time is bounded by text times pattern whatever the pattern.
 */
export function likePattern(pattern: string, escape: string | null): (text: string) => boolean {
  const pieces = piecesOf(pattern, escape);
  return (text) => matches(pieces, Array.from(text));
}

function piecesOf(pattern: string, escape: string | null): Piece[] {
  const pieces: Piece[] = [];
  const characters = Array.from(pattern);
  for (let index = 0; index < characters.length; index++) {
    const character = characters[index] ?? "";
    if (character === escape) {
      const next = characters[++index];
      if (next === undefined) throw new SelectorError("a LIKE pattern ends in its escape character");
      pieces.push({ kind: "text", text: next });
    } else if (character === "%") pieces.push({ kind: "many", text: "" });
    else if (character === "_") pieces.push({ kind: "one", text: "" });
    else pieces.push({ kind: "text", text: character });
  }
  return pieces;
}

function matches(pieces: readonly Piece[], text: readonly string[]): boolean {
  let piece = 0;
  let at = 0;
  let lastMany = -1;
  let lastAt = 0;
  while (at < text.length) {
    const next = pieces[piece];
    if (next?.kind === "many") {
      lastMany = piece++;
      lastAt = at;
    } else if (next !== undefined && (next.kind === "one" || next.text === text[at])) {
      piece++;
      at++;
    } else if (lastMany >= 0) {
      // The run before takes one character more.
      piece = lastMany + 1;
      at = ++lastAt;
    } else return false;
  }
  while (pieces[piece]?.kind === "many") piece++;
  return piece === pieces.length;
}
