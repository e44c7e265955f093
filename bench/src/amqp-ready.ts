import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { StartedProcess } from "./started-process.ts";

const PROTOCOL_HEADER = Buffer.from("AMQP\0\0\x09\x01", "latin1");
const POLL_MS = 5;
const READY_TIMEOUT_MS = 120_000;
const ANSWER_TIMEOUT_MS = 5_000;

/** Resolves when the broker answers an AMQP protocol header with a method frame (connection.start). */
export async function amqpReady(port: number, broker: StartedProcess): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (!(await answers(port))) {
    if (broker.hasExited) throw new Error(`the broker exited before it was ready:\n${await broker.lastWords()}`);
    if (performance.now() > deadline)
      throw new Error(`the broker was not ready after ${READY_TIMEOUT_MS} ms:\n${await broker.lastWords()}`);
    await sleep(POLL_MS);
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(PROTOCOL_HEADER));
    const finish = (ready: boolean): void => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => finish(false));
    socket.once("data", (bytes) => finish(bytes[0] === 1));
    socket.once("error", () => finish(false));
    socket.once("close", () => resolve(false));
  });
}
