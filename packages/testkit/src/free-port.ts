import { createServer } from "node:net";

const taken = new Set<number>();
/**
 * Below what systems give out of their own accord, and below the second ports of a Redis Cluster's nodes, 10,000 above
 * theirs. Each worker of a test run has a part of its own: while a server is dead nobody else may get its port.
 */
const first = 20_000;
const portsOfWorker = 1000;
const workers = 10;
const firstOfWorker = first + (Number(process.env["VITEST_POOL_ID"] ?? 0) % workers) * portsOfWorker;

/** A port of 127.0.0.1 that nobody listens on, not given out before. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = firstOfWorker + Math.floor(Math.random() * portsOfWorker);
    if (taken.has(port) || !(await isFree(port))) continue;
    taken.add(port);
    return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
