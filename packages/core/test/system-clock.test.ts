import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { SystemClock } from "../src/system-clock.ts";

describe("SystemClock", () => {
  let clock: SystemClock;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"], now: 1_000_000 });
    clock = new SystemClock();
  });

  afterEach(() => {
    clock.close();
    vi.useRealTimers();
  });

  test("runs calls in the order they fall due, and those of one instant in the order they were asked for", () => {
    const ran: string[] = [];
    clock.after(30, () => ran.push("30"));
    clock.after(10, () => ran.push("10 a"));
    clock.after(20, () => ran.push("20"));
    clock.after(10, () => ran.push("10 b"));
    vi.advanceTimersByTime(9);
    expect(ran).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(ran).toEqual(["10 a", "10 b"]);
    vi.advanceTimersByTime(20);
    expect(ran).toEqual(["10 a", "10 b", "20", "30"]);
    expect(clock.pendingCount).toBe(0);
  });

  test("a long delay is never early and at most 50 ms late", () => {
    let ranAtMs = 0;
    const startMs = Date.now();
    vi.advanceTimersByTime(7);
    clock.after(30_001, () => {
      ranAtMs = Date.now();
    });
    vi.advanceTimersByTime(30_100);
    expect(ranAtMs).toBeGreaterThanOrEqual(startMs + 7 + 30_001);
    expect(ranAtMs).toBeLessThanOrEqual(startMs + 7 + 30_001 + 50);
  });

  test("a call that throws keeps no other from running, and is told to whom it concerns", () => {
    const ran: string[] = [];
    const fault = (): never => {
      throw new Error("fault");
    };
    clock.after(5, fault);
    clock.after(5, () => ran.push("5"));
    clock.after(9, () => ran.push("9"));
    // Nobody wants to know: it is thrown, behind the others.
    expect(() => vi.advanceTimersByTime(5)).toThrow("fault");
    expect(ran).toEqual(["5"]);
    vi.advanceTimersByTime(4);
    expect(ran).toEqual(["5", "9"]);
    const told: unknown[] = [];
    clock.onFailure = (error) => void told.push(error);
    clock.after(5, fault);
    clock.after(5, fault);
    vi.advanceTimersByTime(5);
    expect(told).toHaveLength(2);
  });

  test("a cancelled call does not run, and cancelling twice, or after it ran, does nothing", () => {
    const ran: number[] = [];
    const first = clock.after(5, () => ran.push(1));
    const second = clock.after(5, () => ran.push(2));
    first.cancel();
    first.cancel();
    vi.advanceTimersByTime(5);
    second.cancel();
    expect(ran).toEqual([2]);
  });

  test("a call may cancel another one that is due at the same time", () => {
    const ran: number[] = [];
    clock.after(5, () => later.cancel());
    const later = clock.after(5, () => ran.push(1));
    vi.advanceTimersByTime(100);
    expect(ran).toEqual([]);
  });

  test("a call that sets itself anew without delay lets the event loop go on", () => {
    let count = 0;
    const again = (): void => {
      count += 1;
      clock.after(0, again);
    };
    clock.after(0, again);
    vi.advanceTimersByTime(3);
    expect(count).toBe(3);
  });

  test("a call that throws does not keep the others from running", () => {
    const ran: number[] = [];
    clock.after(5, () => {
      throw new Error("mine");
    });
    clock.after(5, () => ran.push(1));
    expect(() => vi.advanceTimersByTime(5)).toThrow("mine");
    vi.advanceTimersByTime(5);
    expect(ran).toEqual([1]);
  });

  test("delays beyond what setTimeout can hold run when they are due, not at once", () => {
    const ran: number[] = [];
    const delayMs = 2 ** 31 + 60_000;
    clock.after(delayMs, () => ran.push(1));
    vi.advanceTimersByTime(2 ** 31);
    expect(ran).toEqual([]);
    vi.advanceTimersByTime(61_000);
    expect(ran).toEqual([1]);
  });

  test("thousands of coarse timers share one Node timer", () => {
    for (let delayMs = 0; delayMs < 10_000; delayMs += 1) clock.after(delayMs, () => {});
    expect(vi.getTimerCount()).toBe(1);
    expect(clock.pendingCount).toBe(10_000);
    clock.close();
    expect(vi.getTimerCount()).toBe(0);
    expect(clock.pendingCount).toBe(0);
  });

  test("whatever is set and cancelled, exactly the rest runs, in order", () => {
    const step = fc.record({ delayMs: fc.integer({ min: 0, max: 900 }), cancels: fc.option(fc.nat()) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const wanted = new Map<number, number>();
        const timers = steps.map(({ delayMs }, index) => {
          wanted.set(index, delayMs);
          return clock.after(delayMs, () => ran.push(index));
        });
        const ran: number[] = [];
        for (const { cancels } of steps) {
          if (cancels === null) continue;
          timers[cancels % timers.length]?.cancel();
          wanted.delete(cancels % timers.length);
        }
        vi.advanceTimersByTime(1000);
        const expected = [...wanted].sort(([a, aMs], [b, bMs]) => aMs - bMs || a - b).map(([index]) => index);
        expect(ran).toEqual(expected);
        expect(clock.pendingCount).toBe(0);
      }),
    );
  });
});

test("a pending call does not keep the process alive", () => {
  const clock = new SystemClock();
  clock.after(60_000, () => {});
  const spy = vi.spyOn(globalThis, "setTimeout");
  clock.after(10_000, () => {});
  const timer = spy.mock.results[0]?.value as NodeJS.Timeout;
  expect(timer.hasRef()).toBe(false);
  spy.mockRestore();
  clock.close();
});
