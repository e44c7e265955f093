import { FakeClock } from "@jackalope/testkit";
import { expect, test } from "vitest";
import { StallWatch } from "../src/stall-watch.ts";

test("a client is looked at every second, and bytes that go begin its silence anew", () => {
  const clock = new FakeClock();
  const seen: number[] = [];
  let goneBytes = 5;
  new StallWatch(
    clock,
    () => goneBytes,
    (stalledMs) => {
      seen.push(stalledMs);
      return stalledMs < 2000;
    },
  );
  clock.advance(1000);
  goneBytes++;
  clock.advance(1000);
  // Given up after two silent seconds: nobody looks any more.
  clock.advance(10_000);
  expect(seen).toEqual([1000, 0, 1000, 2000]);
});

test("an ended watch looks at nothing", () => {
  const clock = new FakeClock();
  const watch = new StallWatch(
    clock,
    () => 0,
    () => expect.fail("looked"),
  );
  watch.end();
  clock.advance(10_000);
});
