import { serverReady } from "./server-ready.ts";
import type { StartedProcess } from "./started-process.ts";

/** Resolves when the broker's health page says that it serves clients: one that waits for its store refuses them. */
export function healthReady(port: number, broker: StartedProcess): Promise<void> {
  return serverReady(broker, () => isReady(port));
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
