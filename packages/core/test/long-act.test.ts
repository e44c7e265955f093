import { describe, expect, test } from "vitest";
import { inSlices, type Steps } from "../src/long-act.ts";
import { Turn } from "../src/turn.ts";
import { HurriedClock } from "./fixture/hurried-clock.ts";

/** Counts up to `end` and returns it. */
function* counting(end: number, count: (step: number) => void): Generator<void, number> {
  for (let step = 0; step < end; step++) {
    count(step);
    yield;
  }
  return end;
}

describe("inSlices", () => {
  test("small acts are over at once, whatever was done in the turn before", () => {
    const turn = new Turn(new HurriedClock(), 2);
    while (turn.budget.take());
    expect(
      inSlices(
        turn,
        counting(255, () => {}),
      ),
    ).toBe(255);
    expect(turn.longActs).toBe(0);
  });

  test("without a clock everything is over at once", () => {
    expect(
      inSlices(
        new Turn(),
        counting(100_000, () => {}),
      ),
    ).toBe(100_000);
  });

  test("long ones go on in later turns, in rotation with others, and keep the order of their steps", async () => {
    const turn = new Turn(new HurriedClock(), 2);
    const steps: number[] = [];
    const others: number[] = [];
    let longest = 0;
    const act = inSlices(
      turn,
      counting(2000, (step) => void steps.push(step)),
    );
    const other = inSlices(
      turn,
      counting(2000, (step) => void others.push(step)),
    );
    for (let before = steps.length; turn.longActs > 0; before = steps.length) {
      turn.end();
      longest = Math.max(longest, steps.length - before);
    }
    expect([await act, await other]).toEqual([2000, 2000]);
    expect(steps).toEqual([...Array(2000).keys()]);
    expect(others).toEqual(steps);
    expect(longest).toBeLessThan(256);
  });

  test("what a step throws is the end of its act alone", async () => {
    const turn = new Turn(new HurriedClock(), 2);
    const failing = (at: number): Steps<number> =>
      counting(2000, (step) => {
        if (step === at) throw new Error(`step ${at}`);
      });
    expect(() => inSlices(turn, failing(3))).toThrow("step 3");
    const late = inSlices(turn, failing(1500));
    const other = inSlices(
      turn,
      counting(2000, () => {}),
    );
    const finished = turn.finishActs();
    await expect(late).rejects.toThrow("step 1500");
    expect(await other).toBe(2000);
    expect(await finished).toBe(0);
    expect(turn.longActs).toBe(0);
  });

  test("whoever waits for their end leaves the event loop to others between two turns", async () => {
    const turn = new Turn(new HurriedClock(), 2);
    let served = 0;
    const serve = (): void => {
      served++;
      if (turn.longActs > 0) setImmediate(serve);
    };
    setImmediate(serve);
    void inSlices(
      turn,
      counting(20_000, () => {}),
    );
    expect(await turn.finishActs()).toBe(0);
    expect(served).toBeGreaterThan(8);
  });

  test("what waits for a promise that another callback fulfils is waited for", async () => {
    const turn = new Turn(new HurriedClock(), 2);
    const act = inSlices(turn, [new Promise((resolve) => setTimeout(resolve, 1))].values());
    expect(await turn.finishActs()).toBe(0);
    await act;
  });

  test("beyond the time for them they are forgotten, and what one of them waits for starts nothing any more", async () => {
    const turn = new Turn(new HurriedClock(), 2);
    const steps: number[] = [];
    let fulfil = (): void => undefined;
    const promised = new Promise<void>((resolve) => (fulfil = resolve));
    function* waiting(): Generator<Promise<void>, void> {
      yield promised;
      steps.push(-1);
    }
    void inSlices(turn, waiting());
    void inSlices(
      turn,
      counting(1_000_000, (step) => void steps.push(step)),
    );
    expect(await turn.finishActs(500)).toBe(2);
    const { length } = steps;
    expect(length).toBeLessThan(1_000_000);
    fulfil();
    await promised;
    for (let count = 0; count < 3; count++) turn.end();
    expect(steps).toHaveLength(length);
  });
});
