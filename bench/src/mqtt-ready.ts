import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { StartedProcess } from "./started-process.ts";

/** CONNECT of MQTT 3.1.1: clean session, user and password "guest", keep alive off, client id "ready". */
const CONNECT = Buffer.from("\x10\x1f\0\x04MQTT\x04\xc2\0\0\0\x05ready\0\x05guest\0\x05guest", "latin1");
const CONNACK_FIRST_BYTE = 0x20;
const POLL_MS = 5;
const READY_TIMEOUT_MS = 120_000;
const ANSWER_TIMEOUT_MS = 5_000;

/** Resolves when the broker accepts an MQTT client. */
export async function mqttReady(port: number, broker: StartedProcess): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (!(await accepts(port))) {
    if (broker.hasExited) throw new Error(`the broker exited before it was ready:\n${await broker.lastWords()}`);
    if (performance.now() > deadline)
      throw new Error(`no MQTT on port ${port} after ${READY_TIMEOUT_MS} ms:\n${await broker.lastWords()}`);
    await sleep(POLL_MS);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(CONNECT));
    const finish = (ready: boolean): void => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => finish(false));
    socket.once("data", (bytes) => finish(bytes[0] === CONNACK_FIRST_BYTE && bytes[3] === 0));
    socket.once("error", () => finish(false));
    socket.once("close", () => resolve(false));
  });
}
