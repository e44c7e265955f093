import { reasonCodes } from "./reason-codes.ts";

/**
 * What the peer did wrong. `reasonCode` is what a client of MQTT 5 is told; older ones are only disconnected. `clause` is
 * the statement that was broken, numbered as in MQTT 5 (`MQTT-3.3.1-4`), or the section where it has no number (`3.8.3.1`);
 * statements that only MQTT 3.1.1 has stand as `MQTT 3.1.1 MQTT-3.1.2-22`.
 */
export class MqttError extends Error {
  readonly reasonCode: number;
  readonly clause: string;

  constructor(reasonCode: number, clause: string, explanation: string) {
    super(explanation);
    this.name = "MqttError";
    this.reasonCode = reasonCode;
    this.clause = clause;
  }
}

/** Bytes that are no packet (MQTT 5, 4.13.1). */
export function malformed(clause: string, explanation: string): MqttError {
  return new MqttError(reasonCodes.malformedPacket, clause, explanation);
}

/** A packet that can be read and must not be sent (MQTT 5, 4.13.1). */
export function protocolError(clause: string, explanation: string): MqttError {
  return new MqttError(reasonCodes.protocolError, clause, explanation);
}
