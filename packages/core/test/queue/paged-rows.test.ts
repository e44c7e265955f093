import fc from "fast-check";
import { expect, test } from "vitest";
import { type PagedRow, PagedRows } from "../../src/queue/paged-rows.ts";
import { newEntry } from "../fixture/entries.ts";

test("PagedRows give rows back in order and unchanged, over any number of blocks", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -3000, max: 3000 }), { maxLength: 12 }), (steps) => {
      const rows = new PagedRows();
      const model: PagedRow[] = [];
      let next = 0;
      for (const step of steps) {
        for (let push = 0; push < step; push++) {
          const lsn = 2 ** 40 + ++next;
          const resident = next % 7 === 0 ? newEntry(next) : null;
          const row = {
            lsn,
            place: next,
            expiresAtMs: next * 3,
            sizeBytes: next % 100,
            bodyBytes: next % 90,
            redelivered: next % 2 === 0,
            resident,
          };
          rows.push(row.lsn, row.place, row.expiresAtMs, row.sizeBytes, row.bodyBytes, row.redelivered, row.resident);
          model.push(row);
        }
        for (let shift = 0; shift > step; shift--) {
          const expected = model.shift() ?? null;
          if (rows.headExpiresAtMs !== (expected?.expiresAtMs ?? 0)) expect.fail(`wrong head at ${next}`);
          const row = rows.shift();
          if (row?.lsn !== expected?.lsn || row?.resident !== expected?.resident) expect(row).toEqual(expected);
          if (shift === 0) expect(row).toEqual(expected);
        }
        expect(rows.count).toBe(model.length);
      }
    }),
    { numRuns: 50 },
  );
});
