import { createServer } from "node:net";

const taken = new Set<number>();
/**
 * Below what systems give out of their own accord: two processes that ask for a port at the same time hardly get the same
 * one, and it stays free while a server is dead. The nodes of a Redis Cluster listen 10,000 above theirs, too.
 */
const first = 20_000;
const last = 32_000;

/** A port of 127.0.0.1 that nobody listens on, not given out before. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = first + Math.floor(Math.random() * (last - first));
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
