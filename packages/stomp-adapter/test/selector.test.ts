import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { holds, type SelectorValue } from "../src/selector/expression.ts";
import { likePattern, likeWorkMax } from "../src/selector/like-pattern.ts";
import { parseSelector } from "../src/selector/parse-selector.ts";
import { SelectorError } from "../src/selector/selector-error.ts";

const values: Readonly<Record<string, SelectorValue>> = {
  color: "red",
  count: 10,
  price: "12.5",
  urgent: true,
  flag: "true",
  quote: "it's",
  "content-type": "text/plain",
  percent: "50%",
};
const matches = (selector: string, typed = false): boolean =>
  holds(parseSelector(selector), { typed, workLeft: likeWorkMax, value: (name) => values[name] ?? null });

const holding = [
  "color = 'red'",
  "color <> 'blue'",
  "count = 10",
  "count = 10.0",
  "count > 9 AND count < 11",
  "count >= 10 and count <= 10",
  "price > 12",
  "price = 12.5",
  "price * 2 = 25",
  "12 < price",
  "count + 5 = 15",
  "count - 15 = -5",
  "-count = -10",
  "+count = 10",
  "count / 4 = 2.5",
  "2 + 3 * 4 = 14",
  "(2 + 3) * 4 = 20",
  "10 - 2 - 3 = 5",
  "0x1F = 31",
  "1e3 = 1000",
  ".5 + 1. = 1.5",
  "7L = 7",
  "color IN ('green', 'red')",
  "color NOT IN ('green', 'blue')",
  "count IN (1, 10, -3)",
  "count BETWEEN 5 AND 15",
  "count NOT BETWEEN 11 AND 15",
  "color LIKE 'r%'",
  "color LIKE '_e_'",
  "color NOT LIKE 'b%'",
  "percent LIKE '%!%' ESCAPE '!'",
  "quote = 'it''s'",
  "missing IS NULL",
  "color IS NOT NULL",
  "urgent",
  "urgent = TRUE",
  "flag = TRUE",
  "flag",
  "NOT (color = 'blue')",
  "NOT NOT urgent",
  "\"content-type\" = 'text/plain'",
  "color = 'red' OR missing = 1",
  "missing = 1 OR color = 'red'",
  "color = 'blue' OR color = 'red' AND count = 10",
];
const failing = [
  "color = 'Red'",
  "Color = 'red'",
  "missing = 1",
  "missing <> 1",
  "NOT missing = 1",
  "missing > 1 OR missing <= 1",
  "missing IN ('a')",
  "missing NOT IN ('a')",
  "missing LIKE '%'",
  "missing AND urgent",
  "color = 5",
  "color <> 5",
  "color > 5",
  "count = 'ten'",
  "count / 0 = 1",
  "urgent > FALSE",
  "color + 1 = 2",
  "(color = 'blue' OR color = 'red') AND count = 11",
  "count BETWEEN 11 AND 9",
];
const wrong: readonly (readonly [selector: string, error: string])[] = [
  ["", "found the end"],
  ["color =", "found the end"],
  ["color = 'red", "unexpected"],
  ["color == 'red'", 'found "="'],
  ["color = 'red' AND", "found the end"],
  ["(color = 'red'", "expected ')'"],
  ["color = 'red')", 'unexpected ")"'],
  ["color IN ()", "expected a text or a number"],
  ["color IN ('a' 'b')", "expected ')'"],
  ["color LIKE red", "expected a pattern in quotes"],
  ["color LIKE 'a!' ESCAPE '!'", "ends in its escape character"],
  ["color LIKE 'a' ESCAPE 'ab'", "ESCAPE takes one character"],
  ["color NOT = 'a'", "expected BETWEEN, IN or LIKE"],
  ["color IS 5", "expected NULL"],
  ["AND = 5", "expected a header"],
  ["color BETWEEN 1", "expected AND"],
  ["color ; 1", 'unexpected "; 1" at position 7'],
  ["5 5", "unexpected 5"],
  [`${"(".repeat(100)}1${")".repeat(100)} = 1`, "nested deeper than 64"],
  [`${"NOT ".repeat(100)}urgent`, "nested deeper than 64"],
  [`${"-".repeat(100)}1 = 1`, "nested deeper than 64"],
];

describe("a selector", () => {
  it.each(holding)("holds: %s", (selector) => expect(matches(selector)).toBe(true));
  it.each(failing)("does not hold: %s", (selector) => expect(matches(selector)).toBe(false));
  it.each(wrong)("is refused: %s", (selector, error) => {
    expect(() => parseSelector(selector)).toThrow(SelectorError);
    expect(() => parseSelector(selector)).toThrow(error);
  });

  it.each(["price > 12", "price * 2 = 25", "flag = TRUE", "flag", "count IN ('10')"])(
    "does not take text for a number or a flag where headers have types: %s",
    (selector) => expect(matches(selector, true)).toBe(false),
  );

  it("of any tokens is compiled or refused, and evaluation never throws", () => {
    const token = fc.constantFrom(
      ..."color count 'a' 5 = <> < > ( ) , AND OR NOT IN LIKE BETWEEN IS NULL ESCAPE + - * / TRUE missing".split(" "),
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 12 }), (tokens) => {
        try {
          expect(typeof matches(tokens.join(" "))).toBe("boolean");
        } catch (error) {
          expect(error).toBeInstanceOf(SelectorError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("a selector takes bounded time", () => {
  const spent = (run: () => void): number => {
    const startedAt = process.cpuUsage();
    run();
    return process.cpuUsage(startedAt).user / 1000;
  };

  it("for BETWEEN inside BETWEEN", () => {
    let selector = "missing";
    for (let depth = 0; depth < 60; depth++) selector = `(${selector} BETWEEN 1 AND 2)`;
    expect(spent(() => expect(matches(selector)).toBe(false))).toBeLessThan(1000);
  });

  it("for a header of digits that is no number in the end", () => {
    const source = { typed: false, workLeft: 0, value: () => `${"1".repeat(100_000)}x` };
    const selector = parseSelector(new Array(300).fill("h = 1").join(" OR "));
    expect(spent(() => expect(holds(selector, source)).toBe(false))).toBeLessThan(1000);
  });

  it("for many LIKEs on a long header: what is beyond the work of one message is unknown", () => {
    const like = (letter: string): string => `h LIKE '%_${"a".repeat(100)}${letter}%'`;
    const selector = parseSelector(Array.from("bcdefghijklmnopqrstuvwxyzBCDEFG", like).join(" OR "));
    const text = "a".repeat(128 * 1024);
    const source = (length: number) => ({ typed: false, workLeft: likeWorkMax, value: () => text.slice(0, length) });
    // Of each of them a third of a second.
    expect(spent(() => expect(holds(selector, source(text.length))).toBe(false))).toBeLessThan(100);
    expect(spent(() => expect(holds(selector, source(20_000))).toBe(false))).toBeLessThan(100);
    expect(selector(source(text.length))).toBeNull();
    expect(selector(source(800))).toBe(false);
    expect(holds(parseSelector(`NOT ${like("b")}`), source(text.length))).toBe(false);
    expect(holds(parseSelector("h LIKE '%a'"), source(text.length))).toBe(true);
  });

  it("as its LIKEs are counted", () => {
    const likes = (count: number): string => new Array(count).fill("color LIKE 'b%'").join(" OR ");
    expect(matches(likes(32))).toBe(false);
    expect(() => parseSelector(likes(33))).toThrow("more than 32 LIKEs");
  });
});

describe("likePattern", () => {
  it("agrees with a regular expression", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "%", "_"), maxLength: 8 });
    fc.assert(
      fc.property(letters, fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 8 }), (pattern, text) => {
        const expression = new RegExp(`^${pattern.replaceAll("%", ".*").replaceAll("_", ".")}$`, "s");
        expect(likePattern(pattern, null).matches(text)).toBe(expression.test(text));
      }),
      { numRuns: 2000 },
    );
  });

  it("agrees with a regular expression where pieces are long, and where characters are pairs", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "a", "a", "b", "😀", "%", "_"), maxLength: 60 });
    const texts = fc.string({ unit: fc.constantFrom("a", "a", "a", "b", "😀"), maxLength: 100 });
    fc.assert(
      fc.property(letters, texts, fc.boolean(), (pattern, text, contained) => {
        // One that stands in the text, so that long pieces are found too.
        const from = Array.from(text).slice(3, 45).join("");
        const like = contained ? `%${from.replaceAll("b", "_")}%` : pattern;
        const expression = new RegExp(`^${like.replaceAll("%", ".*?").replaceAll("_", ".")}$`, "su");
        expect(likePattern(like, null).matches(text)).toBe(expression.test(text));
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ["many runs", "%a".repeat(2000), `${"a".repeat(1000)}b`],
    ["a long piece", `%${"a".repeat(2000)}b%`, "a".repeat(1_000_000)],
    ["a piece that begins with the exception", `%b${"a".repeat(2000)}%`, "a".repeat(1_000_000)],
    ["a long piece with a wildcard", `%${"a".repeat(1000)}_b%`, "a".repeat(1_000_000)],
  ])("takes bounded time for %s", (_, pattern, text) => {
    const { matches } = likePattern(pattern, null);
    const startedAt = process.cpuUsage();
    expect(matches(text)).toBe(false);
    expect(process.cpuUsage(startedAt).user / 1000).toBeLessThan(1500);
  });
});
