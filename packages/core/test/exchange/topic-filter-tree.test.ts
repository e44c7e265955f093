import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TopicFilterTree } from "../../src/exchange/topic-filter-tree.ts";

function matches(filters: readonly string[], topic: string): string[] {
  const tree = new TopicFilterTree<string>();
  for (const filter of filters) tree.add(filter, filter);
  const found: string[] = [];
  tree.match(topic, (value) => found.push(value));
  return found.sort();
}

/** The rules of MQTT 5, 4.7, level by level. */
function naive(filter: string, topic: string): boolean {
  if (topic.startsWith("$") && /^[+#]/.test(filter)) return false;
  const wanted = filter.split("/");
  const levels = topic.split("/");
  for (const [index, level] of wanted.entries()) {
    if (level === "#") return levels.length >= index;
    if (index >= levels.length || (level !== "+" && level !== levels[index])) return false;
  }
  return wanted.length === levels.length;
}

const word = fc.constantFrom("a", "b", "", "$s", "x.y", "*");
const topics = fc.array(word, { minLength: 1, maxLength: 4 }).map((levels) => levels.join("/"));
const filters = fc
  .tuple(fc.array(fc.oneof(word, fc.constant("+")), { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([levels, multi]) => [...levels, ...(multi ? ["#"] : [])].join("/"));

describe("topic filters", () => {
  test("match what the standard's examples say (4.7.1)", () => {
    const sport = ["sport/tennis/player1/#", "sport/#", "#", "sport/tennis/+", "+", "sport/+"];
    expect(matches(sport, "sport/tennis/player1")).toEqual([
      "#",
      "sport/#",
      "sport/tennis/+",
      "sport/tennis/player1/#",
    ]);
    expect(matches(sport, "sport")).toEqual(["#", "+", "sport/#"]);
    expect(matches(sport, "sport/")).toEqual(["#", "sport/#", "sport/+"]);
    expect(matches(["+/+", "/+", "+"], "/finance")).toEqual(["+/+", "/+"]);
    expect(matches(["#", "+/monitor/Clients", "$SYS/#", "$SYS/monitor/+"], "$SYS/monitor/Clients")).toEqual([
      "$SYS/#",
      "$SYS/monitor/+",
    ]);
  });

  test("a star and a dot are letters like others", () => {
    expect(matches(["a/*", "a.b", "a/b"], "a/b")).toEqual(["a/b"]);
    expect(matches(["a/*", "a/+"], "a/*")).toEqual(["a/*", "a/+"]);
  });

  test("match as the rules say for any set of filters, after any removals", () => {
    fc.assert(
      fc.property(fc.uniqueArray(filters), fc.uniqueArray(filters), topics, (kept, removed, topic) => {
        const tree = new TopicFilterTree<string>();
        for (const filter of [...kept, ...removed]) tree.add(filter, filter);
        for (const filter of removed) tree.remove(filter, filter);
        const found: string[] = [];
        tree.match(topic, (value) => found.push(value));
        const expected = kept.filter((filter) => !removed.includes(filter) && naive(filter, topic));
        expect(found.sort()).toEqual(expected.sort());
      }),
    );
  });
});
