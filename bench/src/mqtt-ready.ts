import { answers, serverReady } from "./server-ready.ts";
import type { StartedProcess } from "./started-process.ts";

/** CONNECT of MQTT 3.1.1: clean session, user and password "guest", keep alive off, client id "ready". */
const CONNECT = Buffer.from("\x10\x1f\0\x04MQTT\x04\xc2\0\0\0\x05ready\0\x05guest\0\x05guest", "latin1");
const CONNACK_FIRST_BYTE = 0x20;

/** Resolves when the broker accepts an MQTT client. */
export function mqttReady(port: number, broker: StartedProcess): Promise<void> {
  const accepts = (bytes: Buffer): boolean => bytes[0] === CONNACK_FIRST_BYTE && bytes[3] === 0;
  return serverReady(broker, () => answers(port, CONNECT, accepts));
}
