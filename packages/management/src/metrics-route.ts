import type { FastifyInstance } from "fastify";
import { Registry } from "prom-client";
import type { Door } from "@jackalope/transport";
import { BrokerMetrics } from "./broker-metrics.ts";
import { LeaderMetrics } from "./leader-metrics.ts";
import type { ManagementOptions } from "./management.ts";
import { processRegistry } from "./process-metrics.ts";

/** Where the numbers come from. */
export type MetricsOptions = ManagementOptions & { readonly door: Door };

/** `GET /metrics`: the Prometheus text format, version 0.0.4. */
export function addMetricsRoutes(app: FastifyInstance, options: MetricsOptions): void {
  const metrics = new BrokerMetrics();
  const leader = new LeaderMetrics();
  app.get("/metrics", async (_request, reply) => {
    const broker = options.broker();
    metrics.update(broker);
    leader.update(options);
    const all = Registry.merge([processRegistry(), leader.registry, metrics.registry]);
    return reply.type(all.contentType).send(await all.metrics());
  });
}
