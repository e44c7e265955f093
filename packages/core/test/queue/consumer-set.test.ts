import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Consumer } from "../../src/channel/consumer.ts";
import { ConsumerSet } from "../../src/queue/consumer-set.ts";

interface FakeConsumer {
  readonly name: string;
  readonly priority: number;
  admitted: boolean;
  /** The channel is what keeps it from being served. */
  readonly ready: boolean;
  readonly channel: { readonly closed: boolean; consumerWaits(): void };
  following: FakeConsumer | null;
  preceding: FakeConsumer | null;
}

function consumer(name: string, priority = 0): FakeConsumer {
  const channel = { closed: false, consumerWaits: () => {} };
  return { name, priority, admitted: true, ready: true, channel, following: null, preceding: null };
}

/** The set sees of a consumer only what FakeConsumer has. */
const real = (fake: FakeConsumer): Consumer => fake as unknown as Consumer;

/** Serves whose turn it is and returns its name. */
function serve(set: ConsumerSet): string | null {
  const next = set.peek();
  if (next === null) return null;
  set.served(next);
  return (next as unknown as FakeConsumer).name;
}

describe("ConsumerSet", () => {
  test("serves round robin within the highest priority, as lists that rotate do", () => {
    const step = fc.record({
      do: fc.constantFrom("add", "remove", "toggle", "serve", "serve", "serve"),
      which: fc.nat(100),
      priority: fc.integer({ min: -2, max: 2 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const set = new ConsumerSet(false);
        const all: FakeConsumer[] = [];
        const rounds = new Map<number, FakeConsumer[]>();
        const round = (priority: number): FakeConsumer[] => {
          if (!rounds.has(priority)) rounds.set(priority, []);
          return rounds.get(priority) as FakeConsumer[];
        };
        const leave = (each: FakeConsumer): void => {
          const list = round(each.priority);
          if (list.includes(each)) list.splice(list.indexOf(each), 1);
        };
        let made = 0;
        for (const each of steps) {
          const picked = all[each.which % Math.max(1, all.length)];
          if (each.do === "add") {
            const fresh = consumer(`${++made}`, each.priority);
            all.push(fresh);
            round(fresh.priority).push(fresh);
            set.add(real(fresh));
          } else if (each.do === "remove" && picked !== undefined) {
            all.splice(all.indexOf(picked), 1);
            leave(picked);
            set.remove(real(picked));
          } else if (each.do === "toggle" && picked !== undefined) {
            picked.admitted = !picked.admitted;
            if (picked.admitted) round(picked.priority).push(picked);
            else leave(picked);
            set.refresh(real(picked));
          } else if (each.do === "serve") {
            const highest = Math.max(
              ...[...rounds].filter(([, list]) => list.length > 0).map(([priority]) => priority),
            );
            const list = rounds.get(highest) ?? [];
            const head = list.shift();
            if (head !== undefined) list.push(head);
            expect(serve(set)).toBe(head?.name ?? null);
          }
          expect(set.count).toBe(all.length);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("with a single active consumer only that one is served, and the highest priority follows it", () => {
    const set = new ConsumerSet(true);
    const [first, low, high] = [consumer("first"), consumer("low", 1), consumer("high", 5)];
    for (const each of [first, low, high]) set.add(real(each));
    expect([serve(set), serve(set)]).toEqual(["first", "first"]);
    first.admitted = false;
    set.refresh(real(first));
    expect(serve(set)).toBeNull();
    set.remove(real(first));
    expect([serve(set), serve(set)]).toEqual(["high", "high"]);
    set.remove(real(high));
    expect(serve(set)).toBe("low");
  });

  test("removing all leaves nobody to be served", () => {
    const set = new ConsumerSet(true);
    const all = [consumer("a"), consumer("b", 3)];
    for (const each of all) set.add(real(each));
    expect(set.removeAll().map((each) => (each as unknown as FakeConsumer).name)).toEqual(["a", "b"]);
    expect([set.count, set.peek(), set.active]).toEqual([0, null, null]);
    expect(all.every((each) => each.following === null)).toBe(true);
  });

  test("priorities that came and went do not slow the search for the next consumer", () => {
    const set = new ConsumerSet(false);
    const stays = consumer("stays", -1);
    set.add(real(stays));
    for (let priority = 0; priority < 20_000; priority++) {
      const passing = real(consumer("passing", priority));
      set.add(passing);
      set.remove(passing);
    }
    const startedAtMs = performance.now();
    for (let time = 0; time < 100_000; time++) serve(set);
    // Each search over twenty thousand empty levels would take two thousand million steps.
    expect(performance.now() - startedAtMs).toBeLessThan(2000);
  });
});
