import { describe, expect, test } from "vitest";
import { checkPattern, LinearPattern } from "../../src/pattern/linear-pattern.ts";
import { PatternCache } from "../../src/pattern/pattern-cache.ts";

describe("a pattern", () => {
  test.each([
    [".*", "anything", true],
    ["^$", "", true],
    ["^$", "a", false],
    ["ue", "queue", true],
    ["^ue", "queue", false],
    ["^(a|b)$", "b", true],
    ["^my\\-queue\\_1$", "my-queue_1", true],
    ["^ä+$", "ää", true],
    ["^.$", "😀", true],
    ["^(?:stomp|mqtt)-subscription-[\\w-]+$", "mqtt-subscription-a_1-b", true],
    ["^(?!amq\\.)?", "a", null],
    ["^[^.]+\\.[0-9]{2,3}$", "room.123", true],
    ["^[^.]+\\.[0-9]{2,3}$", "room.1234", false],
    ["(?i)^ALARM", "alarm.1", true],
    ["^(?i:a)b$", "Ab", true],
    ["^(?i:a)b$", "AB", false],
    ["^((?i)a)b$", "AB", false],
    ["^[[:alpha:]_]+$", "aZ_", true],
    ["^[]a]+$", "]a", true],
    ["\\Aq\\d+\\z", "q17", true],
    ["\\bcat\\b", "a cat.", true],
    ["\\bcat\\b", "concat", false],
    ["^a{,2}$", "a{,2}", true],
    ["^\\x41\\x{42}\\u0043$", "ABC", true],
    ["^(?P<site>a+)$", "aa", true],
  ])("%j and %j: %s", (pattern, text, expected) => {
    if (expected === null) expect(() => new LinearPattern(pattern)).toThrow();
    else expect(new LinearPattern(pattern).test(text)).toBe(expected);
  });

  test.each([
    ["(?=a)", "a lookaround cannot be matched in linear time"],
    ["^(?!amq\\.).*", "a lookaround cannot be matched in linear time"],
    ["(?<=a)b", "a lookaround"],
    ["(a)\\1", "a reference to a group"],
    ["(?<n>a)\\k<n>", "a reference to a group"],
    ["(?>a+)b", "an atomic group"],
    ["a++b", "a possessive quantifier"],
    ["(", "a '(' without its ')'"],
    ["a)", "a ')' without its '('"],
    ["[a", "a '[' without its ']'"],
    ["*a", "a quantifier behind nothing"],
    ["a**", "a quantifier behind a quantifier"],
    ["a{3,1}", "out of order"],
    ["[z-a]", "out of order"],
    ["a\\", "it ends in a backslash"],
    ["\\y", "is not supported"],
    ["(?x)a", "is not supported"],
    ["((a{100}){100}){100}", "it repeats too much"],
    ["a".repeat(1025), "longer than 1024"],
  ])("%j is refused: %s", (pattern, why) => {
    expect(() => checkPattern(pattern)).toThrow(why);
  });

  test("is matched in time for text by pattern, whatever nests in it", () => {
    const startedAt = process.cpuUsage();
    const text = `${"a".repeat(10_000)}!`;
    for (const pattern of ["^(a+)+$", "(a|a)*$x", "(a*)*(a*)*b", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*a){12}b"]) {
      expect(new LinearPattern(pattern).test(text)).toBe(false);
    }
    // Backtracking needs longer than the universe is old; the bound is wide because other tests run beside this one.
    expect(process.cpuUsage(startedAt).user / 1000).toBeLessThan(3000);
  });

  test("is matched in time where a client chooses text and, by its client id, pattern", () => {
    const clientId = new LinearPattern("a".repeat(1024));
    const almost = `${"a".repeat(1023)}b`;
    const startedAt = process.cpuUsage();
    expect(clientId.test(almost.repeat(64))).toBe(false);
    expect(clientId.test(`${almost.repeat(60)}${"a".repeat(1024)}`)).toBe(true);
    expect(new LinearPattern(`(.*a){20}${"(a|b)?".repeat(100)}c`).test("ab".repeat(30_000))).toBe(false);
    expect(process.cpuUsage(startedAt).user / 1000).toBeLessThan(3000);
  });

  test("says what JavaScript says, for thousands of random patterns and texts", () => {
    let seed = 20_260_101;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
      return (seed >>> 8) % below;
    };
    const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
    const atoms = [
      "a",
      "b",
      "c",
      ".",
      "\\.",
      "[ab]",
      "[^a]",
      "[a-c]",
      "\\w",
      "\\d",
      "\\W",
      "\\b",
      "\\B",
      "^",
      "$",
      "1",
      "-",
    ];
    const pattern = (depth: number): string => {
      let text = "";
      for (let count = 1 + random(4); count > 0; count--) {
        const isGroup = depth > 0 && random(3) === 0;
        const atom = isGroup ? `(${random(2) === 0 ? "?:" : ""}${pattern(depth - 1)})` : pick(atoms);
        const takes = !["\\b", "\\B", "^", "$"].includes(atom);
        text += atom + (takes && random(3) === 0 ? pick(["*", "+", "?", "{2}", "{1,3}", "{0,}", "*?", "+?"]) : "");
        if (random(8) === 0) text += "|";
      }
      return text;
    };
    let matched = 0;
    // Long ones are matched by states. Without groups, as JavaScript goes back over them for too long.
    for (let round = 0; round < 1000; round++) {
      const source = pattern(0);
      const linear = new LinearPattern(source);
      const expression = new RegExp(source, "u");
      let text = "";
      while (text.length < 140) text += pick(["a", "b", "c", ".", "1", "-", "ä", "\n", "ab", "c-1"]);
      for (const subject of [text, "b".repeat(200), `${"-".repeat(200)}a`]) {
        expect([source, subject, linear.test(subject)]).toEqual([source, subject, expression.test(subject)]);
      }
    }
    for (let round = 0; round < 4000; round++) {
      const source = pattern(2);
      const linear = new LinearPattern(source);
      const expression = new RegExp(source, "u");
      for (let count = 0; count < 5; count++) {
        let text = "";
        for (let length = random(9); length > 0; length--) text += pick(["a", "b", "c", ".", "1", "-", "ä", "\n"]);
        const expected = expression.test(text);
        if (expected) matched++;
        expect([source, text, linear.test(text)]).toEqual([source, text, expected]);
      }
    }
    expect(matched).toBeGreaterThan(4000);
    expect(matched).toBeLessThan(19_000);
  });
});

test("a cache keeps no more patterns than it may", () => {
  const cache = new PatternCache(2);
  const first = cache.compiled("a");
  expect(cache.compiled("a")).toBe(first);
  cache.compiled("b");
  cache.compiled("c");
  expect(cache.size).toBeLessThanOrEqual(2);
  expect(cache.compiled("a").test("xay")).toBe(true);
});
