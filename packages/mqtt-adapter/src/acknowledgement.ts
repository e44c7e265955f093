import { malformed, protocolError } from "./mqtt-error.ts";
import { type AcknowledgementType, packetTypes } from "./packet-types.ts";
import { checkProperties, propertyPlaces } from "./property-check.ts";
import { reasonCodes } from "./reason-codes.ts";
import type { Version } from "./version.ts";

const names: Readonly<Record<AcknowledgementType, string>> = { 4: "PUBACK", 5: "PUBREC", 6: "PUBREL", 7: "PUBCOMP" };

/** Of PUBACK (table 3-4) and PUBREC (table 3-5). */
const publishReasons: ReadonlySet<number> = new Set([
  reasonCodes.success,
  reasonCodes.noMatchingSubscribers,
  reasonCodes.unspecifiedError,
  reasonCodes.implementationSpecificError,
  reasonCodes.notAuthorized,
  reasonCodes.topicNameInvalid,
  reasonCodes.packetIdentifierInUse,
  reasonCodes.quotaExceeded,
  reasonCodes.payloadFormatInvalid,
]);
/** Of PUBREL (table 3-6) and PUBCOMP (table 3-7). */
const releaseReasons: ReadonlySet<number> = new Set([reasonCodes.success, reasonCodes.packetIdentifierNotFound]);

/** The packet identifier of the acknowledgement whose variable header stands between `start` and `end`. Throws MqttError. */
export function readPacketId(bytes: Buffer, start: number, end: number, type: AcknowledgementType): number {
  if (start + 2 > end) throw malformed("3.4.2", `${names[type]} ends before its packet identifier`);
  const packetId = ((bytes[start] as number) << 8) | (bytes[start + 1] as number);
  // [MQTT-2.2.1-3] nothing that we sent, and nothing that a client may send, has it
  if (packetId === 0) throw protocolError("MQTT-2.2.1-3", `${names[type]} has the packet identifier 0`);
  return packetId;
}

/** The reason code of the same; the properties behind it are checked. Success where it has none. Throws MqttError. */
export function readReasonCode(
  bytes: Buffer,
  start: number,
  end: number,
  type: AcknowledgementType,
  version: Version,
): number {
  const reasonAt = start + 2;
  if (reasonAt === end) return reasonCodes.success;
  if (version !== 5) throw malformed("MQTT 3.1.1 3.4.1", `${names[type]} has a remaining length other than 2`);
  const reasonCode = bytes[reasonAt] as number;
  const reasons = type === packetTypes.puback || type === packetTypes.pubrec ? publishReasons : releaseReasons;
  // [MQTT-3.4.2-1], [MQTT-3.5.2-1], [MQTT-3.6.2-1], [MQTT-3.7.2-1]
  if (!reasons.has(reasonCode)) {
    throw protocolError(`MQTT-3.${type}.2-1`, `0x${reasonCode.toString(16)} is no reason code of ${names[type]}`);
  }
  // 3.4.2.2.1: without the property length there are no properties.
  if (reasonAt + 1 === end) return reasonCode;
  if (checkProperties(bytes, reasonAt + 1, end, propertyPlaces.acknowledgement) !== end) {
    throw malformed("3.4.2.2", `${names[type]} goes on behind its properties`);
  }
  return reasonCode;
}
