import { FakeClock } from "@jackalope/testkit";
import { expect, test } from "vitest";
import { endlessBudget, TurnBudget } from "../src/turn-budget.ts";

/** Units taken until the budget said no, at most `max`. */
function taken(budget: TurnBudget, max: number): number {
  let count = 0;
  while (count < max && budget.take()) count++;
  return count;
}

test("the time of a turn begins with its first work, and the clock is looked at every few units", () => {
  const clock = new FakeClock();
  const budget = new TurnBudget(clock, 2);
  clock.advance(50);
  expect(taken(budget, 1000)).toBe(1000);
  clock.advance(1.9);
  expect(taken(budget, 1000)).toBe(1000);
  clock.advance(0.1);
  expect(taken(budget, 1000)).toBeLessThan(64);
  expect(budget.spent).toBe(true);
  expect(budget.take()).toBe(false);
});

test("work that counts for much brings the next look nearer", () => {
  const clock = new FakeClock();
  const budget = new TurnBudget(clock, 2);
  expect(budget.take()).toBe(true);
  clock.advance(3);
  budget.left -= 1000;
  expect(budget.take()).toBe(false);
});

test("what is allowed beyond the time is as much as was said", () => {
  const clock = new FakeClock();
  const budget = new TurnBudget(clock, 2);
  budget.take();
  clock.advance(3);
  taken(budget, 100);
  budget.allow(8);
  expect(budget.spent).toBe(false);
  expect(taken(budget, 100)).toBe(7);
  expect(budget.spent).toBe(true);
  budget.allow(8);
  budget.endAllowance();
  expect(budget.spent).toBe(true);
  clock.advance(1);
  expect(budget.allow(8)).toBe(false);
});

test("what is allowed of a turn leaves the rest to those behind", () => {
  const clock = new FakeClock();
  const budget = new TurnBudget(clock, 2);
  expect(budget.spent).toBe(false);
  budget.narrow(8);
  expect(taken(budget, 100)).toBe(7);
  expect(budget.spent).toBe(true);
  budget.endAllowance();
  expect(budget.spent).toBe(false);
  clock.advance(2);
  expect(taken(budget, 100)).toBeLessThan(64);
  expect(budget.spent).toBe(true);
});

test("a new turn has its whole time again", () => {
  const clock = new FakeClock();
  const budget = new TurnBudget(clock, 2);
  budget.take();
  clock.advance(3);
  taken(budget, 100);
  budget.renew();
  expect(budget.spent).toBe(false);
  clock.advance(1.9);
  expect(taken(budget, 500)).toBe(500);
});

test("without a clock there is no end", () => {
  expect(taken(endlessBudget, 100_000)).toBe(100_000);
});

test("what was taken is counted over all turns, however it was taken", () => {
  const clock = new FakeClock();
  const budget = new TurnBudget(clock, 2);
  let count = 0;
  for (let turns = 0; turns < 5; turns++) {
    const before = budget.taken;
    const took = taken(budget, 300);
    budget.left -= 1000;
    clock.advance(3);
    expect(budget.spent).toBe(true);
    budget.allow(10);
    budget.left -= 3;
    budget.endAllowance();
    budget.renew();
    expect(budget.taken - before).toBe(took + 1003);
    count += took;
  }
  expect(count).toBe(1500);
});
