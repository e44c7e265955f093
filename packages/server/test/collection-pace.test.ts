import { expect, test } from "vitest";
import { CollectionPace } from "../src/collection-pace.ts";

const megabyte = 1024 ** 2;

test("the first collection comes as soon as its time is a twentieth of what passed", () => {
  const pace = new CollectionPace();
  pace.begin(0, 1000, 100 * megabyte);
  expect([pace.due(999, 1000, true), pace.due(1000, 1000, true)]).toEqual([false, true]);
});

test("the next one waits until messages have gone, or until it is a fiftieth of what passed", () => {
  const pace = new CollectionPace();
  pace.begin(0, 1000, megabyte);
  pace.made(1000, 10, 1000);
  expect([pace.due(1499, 1000, true), pace.due(1200, 950, true), pace.due(1500, 1000, true)]).toEqual([
    false,
    true,
    true,
  ]);
});

test("where nobody waits it comes when half of the messages have gone, many bytes, and not twice for them", () => {
  const pace = new CollectionPace();
  pace.begin(0, 100 * megabyte, megabyte);
  pace.made(1000, 10, 100 * megabyte);
  const early = pace.due(3999, 0, false);
  expect([early, pace.due(60_000, 51 * megabyte, false), pace.due(4000, 50 * megabyte, false)]).toEqual([
    false,
    false,
    true,
  ]);
  pace.made(4000, 10, 10 * megabyte);
  expect(pace.due(600_000, 0, false)).toBe(false);
});

test("a heap that was emptied is expected to take less time than it took when it was full", () => {
  const pace = new CollectionPace();
  pace.begin(0, 1_000_000_000, megabyte);
  pace.made(0, 1000, 1_000_000_000);
  expect([pace.due(1000, 900_000_000, true), pace.due(1000, 0, true)]).toEqual([false, true]);
});
