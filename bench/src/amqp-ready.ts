import { answers, serverReady } from "./server-ready.ts";
import type { StartedProcess } from "./started-process.ts";

const PROTOCOL_HEADER = Buffer.from("AMQP\0\0\x09\x01", "latin1");
const METHOD_FRAME = 1;

/** Resolves when the broker answers an AMQP protocol header with a method frame (connection.start). */
export function amqpReady(port: number, broker: StartedProcess): Promise<void> {
  return serverReady(broker, () => answers(port, PROTOCOL_HEADER, (bytes) => bytes[0] === METHOD_FRAME));
}
