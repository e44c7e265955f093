import type { Outbox } from "@jackalope/core/adapter";
import { type AcknowledgementType, packetTypes } from "./packet-types.ts";
import { propertyIds } from "./property-ids.ts";
import { encodePacket, type OutgoingPacket } from "./rare-packets.ts";
import { reasonCodes } from "./reason-codes.ts";
import { variableByteIntegerBytes, writeVariableByteInteger } from "./variable-byte-integer.ts";
import type { Version } from "./version.ts";

/** A UTF-8 Encoded String (MQTT 5, 1.5.4). */
const textBytesMax = 0xff_ff;
/** Without a reason code. */
const shortAcknowledgementBytes = 4;

/**
 * Writes a PUBACK, PUBREC, PUBREL or PUBCOMP, as short as it can be. Reason code and reason string are for version 5
 * only; a reason string that makes it longer than `packetBytesMax`, the client's Maximum Packet Size, is left out.
 */
export function writeAcknowledgement(
  outbox: Outbox,
  type: AcknowledgementType,
  packetId: number,
  version: Version,
  reasonCode: number,
  reasonString = "",
  packetBytesMax: number = Number.POSITIVE_INFINITY,
): void {
  if (
    version === 5 &&
    reasonString !== "" &&
    writeExplained(outbox, type, packetId, reasonCode, reasonString, packetBytesMax)
  )
    return;
  // 3.4.2.1: without a reason code it is success.
  const withReason = version === 5 && reasonCode !== reasonCodes.success;
  outbox.reserve(shortAcknowledgementBytes + 1);
  const { buffer, position } = outbox;
  buffer[position] = firstByte(type);
  buffer[position + 1] = withReason ? 3 : 2;
  buffer[position + 2] = packetId >> 8;
  buffer[position + 3] = packetId;
  if (withReason) buffer[position + 4] = reasonCode;
  outbox.position = position + (withReason ? shortAcknowledgementBytes + 1 : shortAcknowledgementBytes);
}

function firstByte(type: AcknowledgementType): number {
  // [MQTT-3.6.1-1]
  return (type << 4) | (type === packetTypes.pubrel ? 2 : 0);
}

/** The form with a reason string; false where the client does not take so long a packet. */
function writeExplained(
  outbox: Outbox,
  type: AcknowledgementType,
  packetId: number,
  reasonCode: number,
  reasonString: string,
  packetBytesMax: number,
): boolean {
  const textBytes = Buffer.byteLength(reasonString);
  const propertiesBytes = 3 + textBytes;
  const remaining = 3 + variableByteIntegerBytes(propertiesBytes) + propertiesBytes;
  const packetBytes = 1 + variableByteIntegerBytes(remaining) + remaining;
  // [MQTT-3.4.2-2], [MQTT-3.5.2-2], [MQTT-3.6.2-2], [MQTT-3.7.2-2]
  if (packetBytes > packetBytesMax || textBytes > textBytesMax) return false;
  outbox.reserve(packetBytes);
  const { buffer } = outbox;
  let at = outbox.position;
  buffer[at] = firstByte(type);
  at = writeVariableByteInteger(buffer, at + 1, remaining);
  buffer[at] = packetId >> 8;
  buffer[at + 1] = packetId;
  buffer[at + 2] = reasonCode;
  at = writeVariableByteInteger(buffer, at + 3, propertiesBytes);
  buffer[at] = propertyIds.reasonString;
  buffer[at + 1] = textBytes >> 8;
  buffer[at + 2] = textBytes;
  buffer.write(reasonString, at + 3);
  outbox.position = at + 3 + textBytes;
  return true;
}

const pingresp = Uint8Array.of(packetTypes.pingresp << 4, 0);

/**
 * Writes CONNACK, SUBACK, UNSUBACK, PINGRESP, DISCONNECT or AUTH. What makes it longer than `packetBytesMax`, the client's
 * Maximum Packet Size, and may be left out, is left out: first the reason string, then the user properties. False where it
 * is still too long; then nothing is written.
 */
export function writePacket(
  outbox: Outbox,
  packet: OutgoingPacket,
  version: Version,
  packetBytesMax: number = Number.POSITIVE_INFINITY,
): boolean {
  if (packet.cmd === "pingresp") {
    writeBytes(outbox, pingresp);
    return true;
  }
  const fits = Buffer.byteLength(packet.properties?.reasonString ?? "") <= textBytesMax;
  let bytes = encodePacket(fits ? packet : without(packet, "reasonString"), version);
  if (bytes.length > packetBytesMax) {
    // [MQTT-3.2.2-19], [MQTT-3.2.2-20], [MQTT-3.9.2-1], [MQTT-3.11.2-1], [MQTT-3.14.2-3], [MQTT-3.15.2-2]
    bytes = encodePacket(without(packet, "reasonString"), version);
  }
  if (bytes.length > packetBytesMax) {
    bytes = encodePacket(without(without(packet, "reasonString"), "userProperties"), version);
  }
  // [MQTT-3.1.2-24]
  if (bytes.length > packetBytesMax) return false;
  writeBytes(outbox, bytes);
  return true;
}

type ExplainedPacket = Exclude<OutgoingPacket, { cmd: "pingresp" }>;

function without(packet: ExplainedPacket, name: "reasonString" | "userProperties"): ExplainedPacket {
  const { [name]: _, ...properties } = packet.properties ?? {};
  return { ...packet, properties };
}

function writeBytes(outbox: Outbox, bytes: Uint8Array): void {
  outbox.reserve(bytes.length);
  outbox.buffer.set(bytes, outbox.position);
  outbox.position += bytes.length;
}
