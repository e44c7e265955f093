import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Ledger } from "../../src/channel/ledger.ts";
import type { QueueEntry } from "../../src/queue/queue-entry.ts";
import { newEntry } from "../fixture/entries.ts";

const pick = { at: fc.double({ min: 0, max: 1.1, noNaN: true }), keep: fc.boolean() };
const times = fc.integer({ min: 1, max: 40 });
const step = fc.oneof(
  fc.record({ do: fc.constant("push" as const), times }),
  fc.record({ do: fc.constant("skip" as const), times }),
  fc.record({ do: fc.constant("take" as const), ...pick }),
  fc.record({ do: fc.constant("takeFirst" as const), ...pick }),
  fc.record({ do: fc.constant("rollback" as const) }),
);
const steps = fc.array(step, { maxLength: 80 });
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** A map does the same, slowly. */
class Model {
  readonly entries = new Map<number, QueueEntry>();
  next = 1;

  get first(): number | undefined {
    let first: number | undefined;
    for (const tag of this.entries.keys()) if (first === undefined || tag < first) first = tag;
    return first;
  }
}

function run(ledger: Ledger, model: Model, all: readonly Step[]): void {
  let buffered: { tag: number; entry: QueueEntry }[] = [];
  for (const step of all) {
    if (step.do === "push" || step.do === "skip") {
      for (let time = 0; time < step.times; time++) {
        const entry = newEntry(model.next);
        expect(step.do === "push" ? ledger.push(entry) : ledger.skip()).toBe(model.next);
        if (step.do === "push") model.entries.set(model.next, entry);
        model.next++;
      }
    } else if (step.do === "rollback") {
      for (const { tag, entry } of buffered) {
        ledger.restore(tag, entry);
        model.entries.set(tag, entry);
      }
      buffered = [];
    } else {
      const upTo = Math.floor(step.at * model.next);
      const first = model.first;
      const tag = step.do === "take" ? upTo : first !== undefined && first <= upTo ? first : -1;
      const expected = model.entries.get(tag) ?? null;
      if (step.do === "takeFirst" && expected !== null) expect(ledger.firstTag).toBe(tag);
      expect(step.do === "take" ? ledger.take(upTo) : ledger.takeFirst(upTo)).toBe(expected);
      model.entries.delete(tag);
      if (expected !== null && step.keep) buffered.push({ tag, entry: expected });
    }
    expect(ledger.count).toBe(model.entries.size);
    expect(ledger.lastTag).toBe(model.next - 1);
  }
}

function check(ledger: Ledger, model: Model): void {
  for (let tag = 0; tag <= model.next + 1; tag++) {
    if (ledger.find(tag) !== (model.entries.get(tag) ?? null)) expect.fail(`tag ${tag} is wrong`);
  }
  for (let first = model.first; first !== undefined; first = model.first) {
    expect(ledger.firstTag).toBe(first);
    expect(ledger.takeFirst(ledger.lastTag)).toBe(model.entries.get(first));
    model.entries.delete(first);
  }
  expect(ledger.takeFirst(ledger.lastTag)).toBeNull();
}

describe("Ledger", () => {
  test("knows under each tag what a map would know, with skips, takes in any order and rollbacks", () => {
    fc.assert(
      fc.property(steps, (all) => {
        const ledger = new Ledger();
        const model = new Model();
        run(ledger, model, all);
        check(ledger, model);
      }),
      { numRuns: 300 },
    );
  });

  test("keeps its order where clients forgot deliveries of long ago, and where those come back by rollback", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20_000), { maxLength: 20 }), steps, (forgotten, all) => {
        const ledger = new Ledger();
        const model = new Model();
        const kept = new Set(forgotten);
        for (let tag = 1; tag <= 20_000; tag++) {
          const entry = newEntry(tag);
          ledger.push(entry);
          if (kept.has(tag)) model.entries.set(tag, entry);
          else ledger.take(tag);
        }
        model.next = 20_001;
        run(ledger, model, all);
        check(ledger, model);
      }),
      { numRuns: 20 },
    );
  });

  test("a delivery without acknowledgement may find the ring emptied, with a forgotten one left behind", () => {
    const ledger = new Ledger();
    const [forgotten, last] = [newEntry(1), newEntry(2)];
    const tag = ledger.push(forgotten);
    while (ledger.lastTag < tag + 1023) ledger.take(ledger.push(newEntry(3)));
    ledger.skip();
    ledger.push(last);
    expect([ledger.takeFirst(ledger.lastTag), ledger.takeFirst(ledger.lastTag)]).toEqual([forgotten, last]);
    expect(ledger.count).toBe(0);
  });

  test("one forgotten delivery does not make it as long as the connection is old", () => {
    const ledger = new Ledger();
    const forgotten = newEntry(1);
    ledger.push(forgotten);
    const entry = newEntry(2);
    const before = process.memoryUsage().heapUsed;
    for (let delivery = 0; delivery < 3_000_000; delivery++) ledger.take(ledger.push(entry));
    // A ring over all tags would be 32 MiB by now.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(24 * 1024 * 1024);
    expect(ledger.count).toBe(1);
    expect(ledger.takeFirst(ledger.lastTag)).toBe(forgotten);
  });
});
