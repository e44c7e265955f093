import { FakeClock } from "@jackalope/testkit";
import { expect, test } from "vitest";
import { StallWatch } from "../src/stall-watch.ts";

test("a client that is behind is looked at every second, and bytes that go begin its silence anew", () => {
  const clock = new FakeClock();
  const seen: number[] = [];
  const watch = new StallWatch(clock, (stalledMs) => {
    seen.push(stalledMs);
    return stalledMs < 2000;
  });
  clock.advance(5000);
  expect(seen).toEqual([]);
  watch.pressure(true);
  clock.advance(1000);
  watch.gone();
  clock.advance(1000);
  // Given up after two silent seconds: nobody looks any more.
  clock.advance(10_000);
  expect(seen).toEqual([1000, 0, 1000, 2000]);
});

test("who is not behind any more is not looked at", () => {
  const clock = new FakeClock();
  const watch = new StallWatch(clock, () => expect.fail("looked"));
  watch.pressure(true);
  watch.pressure(false);
  clock.advance(10_000);
});

test("an ended watch looks at nothing", () => {
  const clock = new FakeClock();
  const watch = new StallWatch(clock, () => expect.fail("looked"));
  watch.pressure(true);
  watch.end();
  clock.advance(10_000);
});
