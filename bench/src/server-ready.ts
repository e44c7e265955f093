import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { StartedProcess } from "./started-process.ts";

const POLL_MS = 5;
const READY_TIMEOUT_MS = 120_000;
const ANSWER_TIMEOUT_MS = 5_000;

/** Resolves when `isReady` says so. Rejects where the server exits before, or is not ready within two minutes. */
export async function serverReady(server: StartedProcess, isReady: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (!(await isReady())) {
    if (server.hasExited) throw new Error(`the server exited before it was ready:\n${await server.lastWords()}`);
    if (performance.now() > deadline)
      throw new Error(`the server was not ready after ${READY_TIMEOUT_MS} ms:\n${await server.lastWords()}`);
    await sleep(POLL_MS);
  }
}

/** Whether a port answers `request` by bytes that `isAnswer` accepts. */
export function answers(port: number, request: Buffer, isAnswer: (bytes: Buffer) => boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(request));
    const finish = (ready: boolean): void => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => finish(false));
    socket.once("data", (bytes) => finish(isAnswer(bytes)));
    socket.once("error", () => finish(false));
    socket.once("close", () => resolve(false));
  });
}
