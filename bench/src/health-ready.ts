import { setTimeout as sleep } from "node:timers/promises";
import type { StartedProcess } from "./started-process.ts";

const POLL_MS = 5;
const READY_TIMEOUT_MS = 120_000;

/** Resolves when the broker's health page says that it serves clients: one that waits for its store refuses them. */
export async function healthReady(port: number, broker: StartedProcess): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (!(await isReady(port))) {
    if (broker.hasExited || performance.now() > deadline)
      throw new Error(`the broker does not become ready:\n${await broker.lastWords()}`);
    await sleep(POLL_MS);
  }
}

async function isReady(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/health/ready`, { headers: { connection: "close" } });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
