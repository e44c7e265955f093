import { property, array, boolean, assert } from "fast-check";
import { expect, test } from "vitest";
import { WaitingLine } from "../src/waiting-line.ts";

test("who comes first goes first, however many come and go", () => {
  assert(
    property(array(boolean(), { maxLength: 200 }), array(boolean(), { maxLength: 50 }), (some, more) => {
      const line = new WaitingLine<number>();
      const model: number[] = [];
      let next = 0;
      // Each step stands for 60, so that the line moves up its rest now and then.
      for (const comes of [...some, ...more]) {
        for (let count = 0; count < 60; count++) {
          if (comes) {
            line.push(next);
            model.push(next++);
          } else expect(line.shift()).toBe(model.shift());
        }
        expect(line.length).toBe(model.length);
      }
    }),
    { numRuns: 50 },
  );
});
