import fc from "fast-check";
import { expect, test } from "vitest";
import { compactColumn } from "../../src/queue/row-column.ts";

const wholeNumber = fc.maxSafeInteger();

test("a compacted column has the numbers that it was made of", () => {
  const near = (base: number, spread: number): fc.Arbitrary<number> =>
    fc.integer({ min: 0, max: spread }).map((offset) => base + offset);
  const progression = fc
    .tuple(fc.integer(), fc.integer({ min: -1000, max: 1000 }), fc.nat(100))
    .map(([first, step, count]) => Array.from({ length: count }, (_, index) => first + index * step));
  const columns = fc.oneof(
    fc.array(wholeNumber, { maxLength: 50 }),
    fc.array(near(2 ** 50, 1000), { maxLength: 50 }),
    fc.array(near(-(2 ** 50), 2 ** 31 - 1), { maxLength: 50 }),
    progression,
    // Alike up to the last.
    fc.tuple(progression, wholeNumber).map(([values, last]) => [...values, last]),
  );
  fc.assert(
    fc.property(columns, (values) => {
      const column = compactColumn(Float64Array.from(values));
      expect(values.map((_, index) => column.at(index))).toEqual(values);
    }),
    { numRuns: 500 },
  );
});

test("a column does not change with the buffer that it was made of", () => {
  const values = Float64Array.from([2 ** 50, -1, 3]);
  const column = compactColumn(values);
  values.fill(0);
  expect([column.at(0), column.at(1), column.at(2)]).toEqual([2 ** 50, -1, 3]);
});
