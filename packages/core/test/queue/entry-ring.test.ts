import fc from "fast-check";
import { expect, test } from "vitest";
import { EntryRing } from "../../src/queue/entry-ring.ts";
import type { QueueEntry } from "../../src/queue/queue-entry.ts";
import { newEntry } from "../fixture/entries.ts";

test("an EntryRing gives back what an array would, in the same order", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -40, max: 40 }), { maxLength: 60 }), (steps) => {
      const ring = new EntryRing();
      const model: QueueEntry[] = [];
      let place = 0;
      for (const step of steps) {
        for (let push = 0; push < step; push++) {
          const entry = newEntry(++place);
          ring.push(entry);
          model.push(entry);
        }
        for (let shift = 0; shift > step; shift--) {
          expect(ring.peek()).toBe(model[0] ?? null);
          expect(ring.shift()).toBe(model.shift() ?? null);
        }
        expect(ring.count).toBe(model.length);
      }
    }),
  );
});

test("an EntryRing that was long once works on after it ran empty", () => {
  const ring = new EntryRing();
  for (let place = 1; place <= 10_000; place++) ring.push(newEntry(place));
  for (let place = 1; place <= 10_000; place++) expect(ring.shift()?.place).toBe(place);
  expect(ring.shift()).toBeNull();
  ring.push(newEntry(10_001));
  expect(ring.peek()?.place).toBe(10_001);
  expect(ring.count).toBe(1);
});
