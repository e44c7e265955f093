import { setTimeout as delay } from "node:timers/promises";

const pollMs = 10;

/** Waits until the condition holds; rejects with what was waited for after `boundMs`. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, boundMs: number): Promise<void> {
  const deadlineMs = performance.now() + boundMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`waited ${boundMs} ms in vain for: ${what}`);
    await delay(pollMs);
  }
}

/** Rejects with `what` where `promise` takes longer than the bound. */
export async function within<Value>(what: string, promise: Promise<Value>, boundMs: number): Promise<Value> {
  const abort = new AbortController();
  const timeout = delay(boundMs, undefined, { signal: abort.signal }).then(() => {
    throw new Error(`waited ${boundMs} ms in vain for: ${what}`);
  });
  timeout.catch(() => undefined);
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    abort.abort();
  }
}

/** Lets an attack last, or a client pause: the length is what is wanted, not a guess at something else. */
export async function lasting(ms: number): Promise<void> {
  await delay(ms);
}
