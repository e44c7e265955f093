import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { heldByNone, heldByOthers, MessageIndex, notHeld } from "../src/message-index.ts";

describe("the message index", () => {
  test("does what a plain map does, whatever the Lsns and queue sets", () => {
    const sets = [
      [1],
      [0xffffffff],
      [1, 2],
      [2, 1, 3],
      Array.from({ length: 32 }, (_, id) => id),
      Array.from({ length: 70 }, (_, id) => id),
    ];
    const operation = fc.record({
      kind: fc.constantFrom("add" as const, "settle" as const, "relocate" as const),
      set: fc.nat(sets.length - 1),
      pick: fc.nat(),
      skip: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 3000 })),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 300 }), (operations) => {
        const index = new MessageIndex();
        const model = new Map<number, { place: number; queues: Set<number> }>();
        const lsns: number[] = [];
        let lsn = 2 ** 33;
        for (const { kind, set, pick, skip } of operations) {
          const target = lsns[pick % Math.max(1, lsns.length)] ?? 5;
          const queues = sets[set] as number[];
          if (kind === "add") {
            lsn += skip;
            lsns.push(lsn);
            index.add(lsn, lsn * 10, 100, queues);
            model.set(lsn, { place: lsn * 10, queues: new Set(queues) });
          } else if (kind === "relocate") {
            const held = model.get(target);
            if (held === undefined) continue;
            held.place = target * 10 + 1;
            index.relocate(target, held.place, 100);
          } else {
            const queueId = queues[pick % queues.length] as number;
            const held = model.get(target);
            const had = held?.queues.delete(queueId) ?? false;
            const expected = !had ? notHeld : held?.queues.size === 0 ? heldByNone : heldByOthers;
            if (held?.queues.size === 0) model.delete(target);
            expect(index.settle(target, queueId)).toBe(expected);
            if (held !== undefined && had) expect(index.address).toBe(held.place);
          }
        }
        expect([...index.lsns()]).toEqual([...model.keys()]);
        expect(index.count).toBe(model.size);
        for (const [held, { place, queues }] of model) {
          expect(index.locate(held)).toBe(true);
          expect(index.address).toBe(place);
          expect(index.queuesOf(held).toSorted((a, b) => a - b)).toEqual([...queues].toSorted((a, b) => a - b));
        }
      }),
      { numRuns: 300 },
    );
  });

  test("messages left alone in old ranges are kept outside of the chunks, and stay reachable", () => {
    const index = new MessageIndex();
    const kept: number[] = [];
    for (let lsn = 1; lsn <= 300_000; lsn++) {
      index.add(lsn, lsn, 10, lsn % 5000 === 0 ? [1, 2] : [1]);
      if (lsn % 2500 === 0) kept.push(lsn);
      else index.settle(lsn, 1);
    }
    expect([...index.lsns()]).toEqual(kept);
    for (const lsn of kept) {
      expect(index.locate(lsn)).toBe(true);
      expect(index.address).toBe(lsn);
      expect(index.queuesOf(lsn)).toEqual(lsn % 5000 === 0 ? [1, 2] : [1]);
      index.relocate(lsn, lsn + 0.5, 11);
      if (lsn % 5000 === 0) expect(index.settle(lsn, 2)).toBe(heldByOthers);
      expect(index.settle(lsn, 1)).toBe(heldByNone);
      expect(index.address).toBe(lsn + 0.5);
      expect(index.settle(lsn, 1)).toBe(notHeld);
    }
    expect(index.count).toBe(0);
  });
});
