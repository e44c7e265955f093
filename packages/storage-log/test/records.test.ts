import { crc32 as zlibCrc32 } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { crc32 } from "../src/crc32.ts";
import { encodeSettles, settlesBytesMax, visitSettles } from "../src/settle-lists.ts";
import { VarintReader, writeVarint, zigzag, unzigzag } from "../src/varint.ts";

test("the checksum is zlib's, for every length and place", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1000 }), fc.nat(20), (bytes, start) => {
      const buffer = Buffer.from(bytes);
      const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
      const from = Math.min(start, buffer.length);
      expect(crc32(buffer, view, from, buffer.length)).toBe(zlibCrc32(buffer.subarray(from)));
    }),
  );
});

test("varints and zigzag give back what they took", () => {
  fc.assert(
    fc.property(fc.array(fc.maxSafeNat()), (numbers) => {
      const buffer = new Uint8Array(numbers.length * 8);
      let end = 0;
      for (const number of numbers) end = writeVarint(buffer, end, number);
      const reader = new VarintReader(buffer, 0);
      for (const number of numbers) expect(reader.next()).toBe(number);
      expect(() => new VarintReader(buffer.subarray(0, 0), 0).next()).toThrow(RangeError);
    }),
  );
  fc.assert(
    fc.property(fc.integer(), (number) => {
      expect(unzigzag(zigzag(number))).toBe(number);
    }),
  );
});

test("settles come back in their order, runs, strides and repetitions alike", () => {
  const lsn = fc.integer({ min: 1, max: 2 ** 40 });
  const run = fc
    .tuple(lsn, fc.integer({ min: 1, max: 20 }))
    .map(([first, count]) => Array.from({ length: count }, (_, at) => first + at));
  fc.assert(
    fc.property(
      fc.nat(0xffffffff),
      fc.array(
        fc.oneof(
          run,
          lsn.map((one) => [one]),
        ),
        { minLength: 1 },
      ),
      (queueId, runs) => {
        const lsns = runs.flat();
        const buffer = Buffer.alloc(settlesBytesMax(lsns.length));
        const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
        const end = encodeSettles(buffer, view, 0, queueId, Float64Array.from(lsns), lsns.length);
        expect(end).toBeLessThanOrEqual(buffer.length);
        const read: number[] = [];
        visitSettles(buffer.subarray(0, end), view, 0, (queue, settled) => {
          expect(queue).toBe(queueId);
          read.push(settled);
        });
        expect(read).toEqual(lsns);
      },
    ),
  );
});
