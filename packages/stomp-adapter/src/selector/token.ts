import { SelectorError } from "./selector-error.ts";

/** One word, sign or literal of a selector. */
export type Token =
  | { readonly kind: "word"; readonly text: string }
  /** An identifier in double quotes, for header names like "content-type". */
  | { readonly kind: "quoted"; readonly text: string }
  | { readonly kind: "string"; readonly text: string }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "sign"; readonly text: string }
  | { readonly kind: "end" };

const blank = /[ \t\n\r\f]+/y;
const word = /[\p{L}_$][\p{L}\p{N}_$.]*/uy;
const number = /(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)[lLfFdD]?/y;
const text = /'((?:[^']|'')*)'/y;
const quoted = /"((?:[^"]|"")*)"/y;
const sign = /<>|<=|>=|[=<>+\-*/(),]/y;

/** Cuts a selector into tokens. Throws SelectorError for a character that begins none. */
export function tokensOf(selector: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(selector);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  while (at < selector.length) {
    if (take(blank) !== null) continue;
    tokens.push(nextToken(take) ?? fail(selector, at));
  }
  tokens.push({ kind: "end" });
  return tokens;
}

function nextToken(take: (pattern: RegExp) => RegExpExecArray | null): Token | null {
  // Numbers first: `.5` and `5e3` begin like nothing else, and a word begins with no digit.
  const aNumber = take(number);
  if (aNumber !== null) return { kind: "number", value: numberOf(aNumber[0]) };
  const aWord = take(word);
  if (aWord !== null) return { kind: "word", text: aWord[0] };
  const aText = take(text);
  if (aText !== null) return { kind: "string", text: (aText[1] ?? "").replaceAll("''", "'") };
  const aQuoted = take(quoted);
  if (aQuoted !== null) return { kind: "quoted", text: (aQuoted[1] ?? "").replaceAll('""', '"') };
  const aSign = take(sign);
  return aSign === null ? null : { kind: "sign", text: aSign[0] };
}

function numberOf(literal: string): number {
  const isHex = /^0[xX]/.test(literal);
  return Number(literal.replace(isHex ? /[lL]$/ : /[lLfFdD]$/, ""));
}

function fail(selector: string, at: number): never {
  throw new SelectorError(`unexpected ${JSON.stringify(selector.slice(at, at + 10))} at position ${at + 1}`);
}
