import type { Clock } from "@jackalope/core/storage";

/** The system's time, for a log that is used without a broker. Timers do not keep the process alive. */
export const timeoutClock: Clock = {
  nowMs: () => Date.now(),
  after(delayMs, run) {
    const timeout = setTimeout(run, delayMs).unref();
    return { cancel: () => clearTimeout(timeout) };
  },
  close() {},
};
