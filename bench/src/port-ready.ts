import { connect } from "node:net";
import { serverReady } from "./server-ready.ts";
import type { StartedProcess } from "./started-process.ts";

/** Resolves when something accepts connections on that port. */
export function portReady(port: number, broker: StartedProcess): Promise<void> {
  return serverReady(broker, () => accepts(port));
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
