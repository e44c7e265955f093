import { malformed } from "./stomp-error.ts";
import type { Version } from "./version.ts";

/**
 * Header escapes (STOMP 1.2 "Value Encoding"): `\c` colon, `\n` line feed, `\\` backslash and, since 1.2, `\r` carriage
 * return. 1.0 has none; in 1.1 and 1.2 any other is a fatal error. CONNECT and CONNECTED never escape.
 */
const backslash = 0x5c;

/** What stands behind the backslash, and what it means. */
const meanings: Readonly<Record<number, string>> = { 0x63: ":", 0x6e: "\n", 0x72: "\r", 0x5c: "\\" };
const carriageReturnLetter = 0x72;

function isEscape(letter: number | undefined, version: Version): boolean {
  return letter !== undefined && letter in meanings && (letter !== carriageReturnLetter || version === "1.2");
}

/** Throws where `bytes[start, end)` holds an escape that `version` does not define. */
export function checkEscapes(bytes: Buffer, start: number, end: number, version: Version): void {
  let at = bytes.indexOf(backslash, start);
  while (at >= 0 && at < end) {
    const letter = at + 1 < end ? bytes[at + 1] : undefined;
    if (!isEscape(letter, version)) {
      const shown = JSON.stringify(bytes.toString("latin1", at, Math.min(at + 2, end)));
      throw malformed(`undefined escape ${shown} in a header of STOMP ${version}`);
    }
    at = bytes.indexOf(backslash, at + 2);
  }
}

/** The text of a header name or value. Throws for escapes that `version` does not define. */
export function unescapeText(bytes: Buffer, start: number, end: number, version: Version): string {
  const text = bytes.toString("utf8", start, end);
  if (version === "1.0" || !text.includes("\\")) return text;
  checkEscapes(bytes, start, end, version);
  return text.replace(/\\(.)/gs, (_, letter: string) => meanings[letter.charCodeAt(0)] ?? letter);
}

const letters: Readonly<Record<string, string>> = {
  ":": "\\c",
  "\n": "\\n",
  "\r": "\\r",
  "\\": "\\\\",
  "\0": "\ufffd",
};

/**
 * Text as it stands in a header. What a version cannot express becomes a space (line ends) or, for NUL, which clients
 * take for the end of the frame, U+FFFD: text from other protocols must not make header lines of its own.
 */
export function escapeText(text: string, version: Version): string {
  if (!/[:\n\r\\\0]/.test(text)) return text;
  if (version === "1.0") return text.replace(/[\r\n]/g, " ").replaceAll("\0", "\ufffd");
  const whole = version === "1.1" ? text.replaceAll("\r", " ") : text;
  return whole.replace(/[:\n\r\\\0]/g, (character) => letters[character] as string);
}

/** As `escapeText` for a name in 1.0, where a colon would end it. */
export function escapeName(name: string, version: Version): string {
  return version === "1.0" ? escapeText(name, version).replaceAll(":", "_") : escapeText(name, version);
}
