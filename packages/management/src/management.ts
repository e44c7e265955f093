import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Broker } from "@jackalope/core";
import { fastify } from "fastify";
import { addHealthRoutes, type Health } from "./health.ts";
import { addMetricsRoutes } from "./metrics-route.ts";

export interface ManagementOptions {
  /** The broker, or null while none serves: it recovers, or stands by. */
  readonly broker: () => Broker | null;
  readonly health: () => Health;
  /** False while the store is known not to answer, or not to take what is written. */
  readonly storeHealthy: () => boolean;
  /** Clients refused so far because no broker served. */
  readonly refusedCount: () => number;
}

/** The HTTP side of a broker: health checks and metrics, on any number of addresses. */
export interface Management {
  /** Accepts on `host` and tells the port, which is another than `port` where that is 0. Rejects as net.Server does. */
  listen(options: { readonly host: string; readonly port: number }): Promise<{ readonly port: number }>;
  /** Stops accepting and cuts off who is connected. */
  close(): Promise<void>;
}

/** Makes the HTTP side; it accepts nothing before `listen`. */
export async function createManagement(options: ManagementOptions): Promise<Management> {
  const app = fastify({ logger: false });
  addHealthRoutes(app, options.health);
  addMetricsRoutes(app, options);
  await app.ready();
  const servers: Server[] = [];
  return {
    // fastify's own listen knows one address only.
    async listen({ host, port }) {
      const server = createServer((request, response) => app.routing(request, response));
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host, port }, resolve);
      });
      servers.push(server);
      return { port: (server.address() as AddressInfo).port };
    },
    async close() {
      await Promise.all(servers.map(closeServer));
      await app.close();
    },
  };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
