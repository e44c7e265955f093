import { collectDefaultMetrics, Registry } from "prom-client";

let registry: Registry | null = null;

/**
 * CPU, memory, event-loop delay (`nodejs_eventloop_lag_*`, from perf_hooks) and garbage collection of this process. One
 * registry a process, however many brokers are in it, because the observers behind it are never taken down.
 */
export function processRegistry(): Registry {
  if (registry === null) {
    registry = new Registry();
    collectDefaultMetrics({ register: registry });
  }
  return registry;
}
