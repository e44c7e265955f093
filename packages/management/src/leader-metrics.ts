import { Counter, Gauge, Registry } from "prom-client";
import type { ManagementOptions } from "./management.ts";

/** What there is to know of a process whether a broker serves in it or not. */
export class LeaderMetrics {
  readonly registry: Registry = new Registry();
  readonly #leader: Gauge;
  readonly #storeHealthy: Gauge;
  readonly #refused: Counter;

  constructor() {
    const registers = [this.registry];
    this.#leader = new Gauge({
      name: "jackalope_leader",
      help: "1 while this broker serves clients, 0 while it starts, stands by or waits for its store",
      registers,
    });
    this.#storeHealthy = new Gauge({
      name: "jackalope_store_healthy",
      help: "0 while the store does not answer or does not take what is written, 1 otherwise",
      registers,
    });
    this.#refused = new Counter({
      name: "jackalope_connections_refused_total",
      help: "Clients refused while this broker did not serve",
      registers,
    });
  }

  /** Reads every value anew. */
  update({ broker, storeHealthy, refusedCount }: ManagementOptions): void {
    this.#leader.set(broker() === null ? 0 : 1);
    this.#storeHealthy.set(storeHealthy() ? 1 : 0);
    this.#refused.reset();
    this.#refused.inc(refusedCount());
  }
}
