import type { Clock } from "./clock.ts";

/** The system's time, for an engine that is used without a broker. Timers do not keep the process alive. */
export const timeoutClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, run) {
    const timeout = setTimeout(run, delayMs).unref();
    return { cancel: () => clearTimeout(timeout) };
  },
  close() {},
};
