import type { OutgoingPacket } from "./rare-packets.ts";
import { connackReason, connectReturnCode } from "./reason-codes.ts";
import type { Version } from "./version.ts";

type Connack = Extract<OutgoingPacket, { cmd: "connack" }>;

export type ConnackProperties = NonNullable<Connack["properties"]>;

/** The answer to CONNECT; null where the version has no code for the refusal (MQTT 3.1.1, 3.2.2.3). */
export function connackOf(
  version: Version,
  reasonCode: number,
  sessionPresent: boolean,
  properties: ConnackProperties,
): Connack | null {
  if (version === 5) return { cmd: "connack", reasonCode: connackReason(reasonCode), sessionPresent, properties };
  const returnCode = connectReturnCode(reasonCode);
  // MQTT 3.1 has no session present flag.
  return returnCode === null ? null : { cmd: "connack", returnCode, sessionPresent: sessionPresent && version === 4 };
}
