import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { StartedProcess } from "./started-process.ts";

const POLL_MS = 5;
const READY_TIMEOUT_MS = 60_000;

/** Resolves when something accepts connections on that port. */
export async function portReady(port: number, broker: StartedProcess): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (!(await accepts(port))) {
    if (broker.hasExited || performance.now() > deadline)
      throw new Error(`the broker does not listen on port ${port}:\n${await broker.lastWords()}`);
    await sleep(POLL_MS);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
