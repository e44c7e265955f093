import type { Broker } from "@jackalope/core";
import type { FastifyInstance } from "fastify";
import { Registry } from "prom-client";
import { BrokerMetrics } from "./broker-metrics.ts";
import { processRegistry } from "./process-metrics.ts";

/** `GET /metrics`: the Prometheus text format, version 0.0.4. */
export function addMetricsRoutes(app: FastifyInstance, broker: () => Broker | null): void {
  const metrics = new BrokerMetrics();
  app.get("/metrics", async (_request, reply) => {
    const running = broker();
    if (running !== null) metrics.update(running);
    const all = Registry.merge([processRegistry(), metrics.registry]);
    return reply.type(all.contentType).send(await all.metrics());
  });
}
