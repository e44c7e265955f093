import { Counter, Gauge, Registry } from "prom-client";
import type { MetricsOptions } from "./metrics-route.ts";

/** What there is to know of a process whether a broker serves in it or not. */
export class LeaderMetrics {
  readonly registry: Registry = new Registry();
  readonly #leader: Gauge;
  readonly #storeHealthy: Gauge;
  readonly #refused: Counter;
  readonly #sockets: Gauge;
  readonly #socketsRefused: Counter<"reason">;

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
    this.#sockets = new Gauge({
      name: "jackalope_sockets",
      help: "Open sockets over all listeners, logged in or not",
      registers,
    });
    this.#socketsRefused = new Counter({
      name: "jackalope_sockets_refused_total",
      help: "Sockets closed when they came: too many connections, descriptors, or strangers of one address",
      labelNames: ["reason"],
      registers,
    });
  }

  /** Reads every value anew. */
  update({ broker, storeHealthy, refusedCount, door }: MetricsOptions): void {
    this.#leader.set(broker() === null ? 0 : 1);
    this.#storeHealthy.set(storeHealthy() ? 1 : 0);
    this.#refused.reset();
    this.#refused.inc(refusedCount());
    this.#sockets.set(door.socketCount);
    this.#socketsRefused.reset();
    for (const [reason, count] of Object.entries(door.refused)) this.#socketsRefused.inc({ reason }, count);
  }
}
