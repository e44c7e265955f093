import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { free } from "../fixture/free.ts";
import { Binding, type Destination } from "../../src/exchange/binding.ts";
import { Exchange } from "../../src/exchange/exchange.ts";
import { TopicMatcher } from "../../src/exchange/topic-matcher.ts";

const spec = { durable: false, autoDelete: false, internal: false, arguments: [] };
const source = new Exchange("/", "source", "topic", spec, null);

/** A binding that leads to an exchange of its own, named by the test. */
function binding(key: string, name: string = key): Binding {
  return new Binding(source, new Exchange("/", name, "fanout", spec, null), key, [], free);
}

function matches(matcher: TopicMatcher, key: string): string[] {
  const found = new Set<Destination>();
  matcher.match(key, [], (destination) => found.add(destination));
  return [...found].map((destination) => destination.name).sort();
}

/** The rule as the standard tells it, word by word. */
function naive(pattern: readonly string[], words: readonly string[]): boolean {
  const [head, ...rest] = pattern;
  if (head === undefined) return words.length === 0;
  if (head === "#") return naive(rest, words) || (words.length > 0 && naive(pattern, words.slice(1)));
  return words.length > 0 && (head === "*" || head === words[0]) && naive(rest, words.slice(1));
}

const wordsOf = (key: string): string[] => (key === "" ? [] : key.split("."));
const keyOf = (word: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.array(word, { maxLength: 5 }).map((words) => words.join("."));
const bindingKeys = keyOf(fc.constantFrom("a", "b", "", "*", "#"));
const routingKeys = keyOf(fc.constantFrom("a", "b", "c", ""));

describe("TopicMatcher", () => {
  test.each([
    ["a.*", "a.b", true],
    ["a.*", "a", false],
    ["a.*", "a.b.c", false],
    ["a.#", "a", true],
    ["a.#", "a.b.c", true],
    ["#.c", "c", true],
    ["#.c", "a.b.c", true],
    ["#", "", true],
    ["*", "", false],
    ["", "", true],
    ["*.*", ".", true],
    ["a.*.b", "a..b", true],
    ["a.b", "a..b", false],
    ["#.#.#", "a", true],
    ["*.#", "", false],
    ["a.#.#", "a", true],
  ])("binding %j and key %j: %s", (pattern, key, expected) => {
    const matcher = new TopicMatcher();
    matcher.add(binding(pattern));
    expect(matches(matcher, key).length === 1).toBe(expected);
  });

  test("finds what a word by word comparison finds, whatever was added and removed before", () => {
    const step = fc.record({ key: bindingKeys, remove: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.array(routingKeys, { maxLength: 10 }), (steps, keys) => {
        const matcher = new TopicMatcher();
        const bound: Binding[] = [];
        for (const [index, { key, remove }] of steps.entries()) {
          const victim = remove ? bound.shift() : undefined;
          if (victim !== undefined) matcher.remove(victim);
          const fresh = binding(key, `${index}`);
          matcher.add(fresh);
          bound.push(fresh);
        }
        for (const key of keys) {
          const expected = bound.filter((each) => naive(wordsOf(each.routingKey), wordsOf(key)));
          expect(matches(matcher, key)).toEqual(expected.map((each) => each.destination.name).sort());
        }
      }),
      { numRuns: 300 },
    );
  });

  test("a key of many words meets a pattern of many wildcards in linear time", () => {
    const matcher = new TopicMatcher();
    matcher.add(binding(Array.from({ length: 60 }, () => "#").join(".#.a.")));
    const key = Array.from({ length: 120 }, () => "a").join(".");
    let visits = 0;
    matcher.match(key, [], () => visits++);
    // Exponential in the number of wildcards, this would not come back at all.
    expect(visits).toBeGreaterThan(0);
  });
});

describe("keys with very many words", () => {
  test("can be published to, and are refused as bindings", () => {
    const matcher = new TopicMatcher();
    matcher.add(binding("#"));
    matcher.add(binding("a.#"));
    const deep = Array.from({ length: 30_000 }, () => "a").join(".");
    expect(matches(matcher, deep)).toEqual(["#", "a.#"]);
    expect(() => matcher.add(binding(deep))).toThrow("at most 256 words");
  });

  test("are refused as topic filters of bindings", () => {
    const deep = Array.from({ length: 30_000 }, () => "a").join("/");
    const filter = [["x-topic-filter", { kind: "string", value: deep }]] as const;
    const wide = new Binding(source, new Exchange("/", "q", "fanout", spec, null), "#", filter, free);
    expect(() => new TopicMatcher().add(wide)).toThrow("at most 256 words");
  });
});
