import { type Broker, type Clock, type Logger, silentLogger, SystemClock } from "@jackalope/core";
import { Door, HttpListeners } from "@jackalope/transport";
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
  /** The way in that all listeners of the process share. Default: one that lets everybody in. */
  readonly door?: Door;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Default: silent. */
  readonly logger?: Logger;
  /** Time that a request has to come. Default: 10,000. */
  readonly handshakeTimeoutMs?: number;
}

/** Nobody has logged in here. */
const bodyBytesMax = 64 * 1024;

/** The HTTP side of a broker: health checks and metrics, on any number of addresses. */
export interface Management {
  /** Accepts on `host` and tells the port, which is another than `port` where that is 0. Rejects as net.Server does. */
  listen(options: { readonly host: string; readonly port: number }): Promise<{ readonly port: number }>;
  /** Stops accepting and cuts off who is connected. */
  close(): Promise<void>;
}

/** Makes the HTTP side; it accepts nothing before `listen`. */
export async function createManagement(options: ManagementOptions): Promise<Management> {
  const app = fastify({ logger: false, bodyLimit: bodyBytesMax });
  const { clock = new SystemClock(), logger = silentLogger, handshakeTimeoutMs = 10_000 } = options;
  const { door = Door.open(clock, logger) } = options;
  app.setErrorHandler((error: Error & { readonly statusCode?: number }, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status < 500) return reply.status(status).send({ error: error.message });
    logger.error({ url: request.url, error: error.message, stack: error.stack }, "a request failed, the others go on");
    return reply.status(status).send({ error: "internal error" });
  });
  addHealthRoutes(app, options.health);
  addMetricsRoutes(app, { ...options, door });
  await app.ready();
  // fastify's own listen knows one address only, and no door.
  const listeners = new HttpListeners({
    ...{ name: "management", door, clock, logger, handshakeTimeoutMs },
    onRequest: (request, response) => app.routing(request, response),
  });
  return {
    async listen(address) {
      const { port } = await listeners.listen(address);
      return { port };
    },
    async close() {
      await listeners.close();
      await app.close();
    },
  };
}
