import fc from "fast-check";
import { expect, test } from "vitest";
import { PagedRows } from "../../src/queue/paged-rows.ts";
import type { PagedRow } from "../../src/queue/row-block.ts";
import { newEntry } from "../fixture/entries.ts";

test("PagedRows give rows back in order and unchanged, over any number of blocks", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -3000, max: 3000 }), { maxLength: 12 }), (steps) => {
      const rows = new PagedRows();
      const model: PagedRow[] = [];
      let next = 0;
      for (const step of steps) {
        for (let push = 0; push < step; push++) {
          next++;
          // Stretches of messages that are alike, and of some that are not.
          const alike = next % 5000 < 2500;
          const storedAt = alike ? -(2 ** 40 + next) : (2 ** 40 + next) * (next % 3 === 0 ? -1 : 1);
          const resident = !alike && next % 7 === 0 ? newEntry(next) : null;
          const row = {
            storedAt,
            place: next,
            expiresAtMs: next * 3,
            sizeBytes: alike ? 120 : next % 100,
            bodyBytes: next % 90,
            redelivered: next % 2 === 0,
            resident,
          };
          const { expiresAtMs, sizeBytes, bodyBytes, redelivered } = row;
          rows.push(storedAt, next, expiresAtMs, sizeBytes, bodyBytes, redelivered, resident);
          model.push(row);
        }
        for (let shift = 0; shift > step; shift--) {
          const expected = model.shift() ?? null;
          if (rows.headExpiresAtMs !== (expected?.expiresAtMs ?? 0)) expect.fail(`wrong head at ${next}`);
          const row = rows.shift();
          if (row?.storedAt !== expected?.storedAt || row?.resident !== expected?.resident)
            expect(row).toEqual(expected);
          if (shift === 0) expect(row).toEqual(expected);
        }
        expect(rows.count).toBe(model.length);
      }
    }),
    { numRuns: 50 },
  );
});
