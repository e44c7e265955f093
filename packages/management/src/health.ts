import type { RaisedAlarm } from "@jackalope/core";
import type { FastifyInstance } from "fastify";

/** Whether the broker can do its work, and where it cannot, why not. A standby is well and serves nobody. */
export type Health =
  | { readonly ready: true; readonly alarms: readonly RaisedAlarm[] }
  | { readonly ready: false; readonly status: "unavailable" | "standby"; readonly reason: string };

/**
 * `GET /health/live`: 200 while the event loop turns; for restarts by a supervisor.
 * `GET /health/ready`: 200 while clients are served, 503 with a reason otherwise; for load balancers. An alarm is told and
 * leaves it at 200: who consumes is served, and has to be for the alarm to end.
 */
export function addHealthRoutes(app: FastifyInstance, health: () => Health): void {
  app.get("/health/live", () => ({ status: "live" }));
  app.get("/health/ready", (_request, reply) => {
    const now = health();
    if (now.ready)
      return reply.send(now.alarms.length === 0 ? { status: "ready" } : { status: "ready", alarms: now.alarms });
    return reply.code(503).send({ status: now.status, reason: now.reason });
  });
}
