import fc from "fast-check";
import { expect, test } from "vitest";
import { ReturnedHeap } from "../../src/queue/returned-heap.ts";
import { newEntry } from "../fixture/entries.ts";

test("a ReturnedHeap gives entries back by place, whatever the order in which they came", () => {
  const step = fc.option(fc.integer({ min: 1, max: 1000 }), { nil: null });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const heap = new ReturnedHeap();
      const model: number[] = [];
      for (const place of steps) {
        if (place !== null) {
          heap.push(newEntry(place));
          model.push(place);
          model.sort((left, right) => left - right);
        } else {
          expect(heap.peek()?.place).toBe(model[0]);
          expect(heap.shift()?.place).toBe(model.shift());
        }
        expect(heap.count).toBe(model.length);
      }
    }),
  );
});
