import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TopicIndex } from "../src/topic-index.ts";

/** MQTT 5, 4.7, level by level. */
function matches(filter: readonly string[], topic: readonly string[]): boolean {
  const [level, ...rest] = filter;
  if (level === undefined) return topic.length === 0;
  if (level === "#") return true;
  if (topic.length === 0) return false;
  return (level === "+" || level === topic[0]) && matches(rest, topic.slice(1));
}

function naive(filter: string, topics: Iterable<string>): string[] {
  const hidden = (topic: string): boolean => /^[+#]/.test(filter) && topic.startsWith("$");
  return [...topics].filter((topic) => !hidden(topic) && matches(filter.split("/"), topic.split("/"))).sort();
}

function found(index: TopicIndex<string>, filter: string): string[] {
  return [...index.search(filter)].filter((value) => value !== null).sort();
}

function indexOf(topics: Iterable<string>): TopicIndex<string> {
  const index = new TopicIndex<string>();
  for (const topic of topics) index.set(topic, topic);
  return index;
}

const level = fc.constantFrom("a", "b", "", "$x", "long level");
const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join("/"));
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant("+")), { maxLength: 4 }), fc.boolean())
  .filter(([levels, all]) => levels.length > 0 || all)
  .map(([levels, all]) => [...levels, ...(all ? ["#"] : [])].join("/"));

describe("a topic index", () => {
  it("finds what MQTT says a filter matches, after any sets and deletes", () => {
    const changes = fc.array(fc.tuple(topic, fc.boolean()), { maxLength: 30 });
    fc.assert(
      fc.property(changes, fc.array(filter, { minLength: 1, maxLength: 5 }), (sequence, filters) => {
        const index = new TopicIndex<string>();
        const topics = new Set<string>();
        for (const [name, kept] of sequence) {
          if (kept) {
            index.set(name, name);
            topics.add(name);
          } else {
            index.delete(name);
            topics.delete(name);
          }
          expect(index.get(name)).toBe(kept ? name : null);
        }
        expect(index.size).toBe(topics.size);
        for (const one of filters) expect(found(index, one)).toEqual(naive(one, topics));
        for (const name of topics) index.delete(name);
        expect(index.nodeCount).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ["sport/#", ["sport", "sport/a", "sport/a/b"]],
    ["#", ["/", "sport", "sport/a", "sport/a/b"]],
    ["+", ["sport"]],
    ["+/+", ["/", "sport/a"]],
    ["sport/+/b", ["sport/a/b"]],
    ["$SYS/#", ["$SYS/up"]],
    ["sport/a", ["sport/a"]],
    ["tennis/#", []],
  ])("finds with %s: %j", (one, expected) => {
    const topics = ["/", "sport", "sport/a", "sport/a/b", "$SYS/up"];
    expect(found(indexOf(topics), one)).toEqual(expected.toSorted());
  });

  it("goes on with a search while topics come and go", () => {
    const topics = Array.from({ length: 100 }, (_, number) => `a/${number % 10}/${number}`);
    const index = indexOf(topics);
    const seen = new Set<string>();
    let step = 0;
    for (const value of index.search("a/+/+")) {
      if (value !== null) expect(seen.size).toBe(seen.add(value).size - 1);
      // Behind the search, before it, and beside it.
      const gone = topics[(step * 37) % 100] as string;
      if (step % 3 === 0) index.delete(gone);
      index.set(`b/${step}`, `b/${step}`);
      step++;
    }
    for (const kept of topics) if (index.get(kept) !== null) expect(seen).toContain(kept);
    expect([...seen].filter((value) => value.startsWith("b"))).toEqual([]);
  });

  it("tells its steps where it finds nothing", () => {
    const index = indexOf(Array.from({ length: 1000 }, (_, number) => `a/${number}/x`));
    const steps = [...index.search("a/+/y")];
    expect(steps.filter((value) => value !== null)).toEqual([]);
    expect(steps.length).toBeGreaterThanOrEqual(1000);
  });

  it("takes a topic of as many levels as there can be", () => {
    const deep = "/".repeat(65_535);
    const index = indexOf([deep]);
    expect(found(index, "#")).toEqual([deep]);
    index.delete(deep);
    expect(index.nodeCount).toBe(0);
  });
});
