import { FakeClock } from "@jackalope/testkit";
import { expect, test } from "vitest";
import { Deadline } from "../src/deadline.ts";

/** Two clocks that part. */
class PartedClock extends FakeClock {
  /** How far the wall clock was set forward. */
  setMs = 0;

  override nowMs(): number {
    return super.nowMs() + this.setMs;
  }
}

test("a deadline passes when its time is up", () => {
  const clock = new FakeClock();
  const deadline = new Deadline(clock, 1000);
  clock.stand(999);
  expect([deadline.passed, deadline.remainingMs]).toEqual([false, 1]);
  clock.stand(1);
  expect([deadline.passed, deadline.remainingMs]).toEqual([true, 0]);
});

test("the clock that says more counts: the monotonic one may have slept, the wall clock may have been set back", () => {
  const clock = new PartedClock();
  const slept = new Deadline(clock, 1000);
  clock.setMs = 1000;
  expect([slept.passed, slept.remainingMs]).toEqual([true, 0]);
  const setBack = new Deadline(clock, 1000);
  clock.setMs = -60_000;
  clock.stand(1000);
  expect([setBack.passed, setBack.remainingMs]).toEqual([true, 0]);
});
