import { createServer } from "node:net";

const taken = new Set<number>();
/** Below what systems give to connections of their own accord: it stays free while a broker is dead. */
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
