import { describe, expect, test } from "vitest";
import { FakeClock } from "../src/fake-clock.ts";

describe("FakeClock", () => {
  test("stands still until it is advanced", () => {
    const clock = new FakeClock(500);
    expect(clock.nowMs()).toBe(500);
    clock.advance(20);
    expect(clock.nowMs()).toBe(520);
  });

  test("runs what falls due, each at its own time, and what that sets on the way", () => {
    const clock = new FakeClock(0);
    const ran: string[] = [];
    clock.after(20, () => ran.push(`b at ${clock.nowMs()}`));
    clock.after(10, () => {
      ran.push(`a at ${clock.nowMs()}`);
      clock.after(5, () => ran.push(`a's at ${clock.nowMs()}`));
      clock.after(50, () => ran.push("too late"));
    });
    clock.advance(20);
    expect(ran).toEqual(["a at 10", "a's at 15", "b at 20"]);
    expect(clock.nowMs()).toBe(20);
    expect(clock.pendingCount).toBe(1);
  });

  test("a cancelled call does not run", () => {
    const clock = new FakeClock();
    const ran: number[] = [];
    clock.after(1, () => second.cancel());
    const second = clock.after(1, () => ran.push(2));
    clock.advance(10);
    expect(ran).toEqual([]);
  });

  test("close drops every timer", () => {
    const clock = new FakeClock();
    clock.after(1, () => expect.unreachable());
    clock.close();
    clock.advance(10);
    expect(clock.pendingCount).toBe(0);
  });
});
