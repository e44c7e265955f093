import { setTimeout as delay } from "node:timers/promises";

/** How often a condition is looked at. */
const pollMs = 10;

/** Waits until the condition holds; rejects with what was waited for after `boundMs`. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, boundMs: number): Promise<void> {
  const deadlineMs = performance.now() + boundMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`waited ${boundMs} ms in vain for: ${what}`);
    await delay(pollMs);
  }
}

/** Lets a fault last: the one thing here that takes a given time. */
export async function lasting(ms: number): Promise<void> {
  await delay(ms);
}

/** A client's pause before its next attempt. */
export async function backOff(ms: number): Promise<void> {
  await delay(ms);
}
