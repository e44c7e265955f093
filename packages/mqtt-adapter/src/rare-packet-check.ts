import { malformed, MqttError, protocolError } from "./mqtt-error.ts";
import { packetTypes } from "./packet-types.ts";
import { checkProperties, type PropertyPlace, propertyPlaces } from "./property-check.ts";
import { reasonCodes } from "./reason-codes.ts";
import { textFieldEnd } from "./utf8.ts";
import type { Version } from "./version.ts";

/** Filters of one SUBSCRIBE or UNSUBSCRIBE: each costs the parser objects, and all are handled in one go. */
export const filtersMax = 16_384;

/**
 * Checks the variable header and payload of a packet of one of the types below against the specification: the parser
 * behind it takes much that it forbids. `bytes` is ours alone: what MQTT 3.1 leaves open is straightened in it. Throws
 * MqttError.
 */
export function checkRarePacket(type: number, bytes: Buffer, start: number, end: number, version: Version): void {
  switch (type) {
    case packetTypes.subscribe:
      return checkSubscribe(bytes, start, end, version);
    case packetTypes.unsubscribe:
      return checkUnsubscribe(bytes, start, end, version);
    case packetTypes.disconnect:
      return checkDisconnect(bytes, start, end, version);
    default:
      return checkAuth(bytes, start, end);
  }
}

function packetIdEnd(bytes: Buffer, start: number, end: number, name: string): number {
  if (start + 2 > end) throw malformed("2.2.1", `${name} ends before its packet identifier`);
  // [MQTT-2.2.1-3]
  if (bytes.readUInt16BE(start) === 0) throw protocolError("MQTT-2.2.1-3", `${name} has the packet identifier 0`);
  return start + 2;
}

function refuseMoreFilters(name: string): never {
  throw new MqttError(reasonCodes.quotaExceeded, "4.13", `${name} has more than ${filtersMax} topic filters`);
}

function checkSubscribe(bytes: Buffer, start: number, end: number, version: Version): void {
  let at = packetIdEnd(bytes, start, end, "SUBSCRIBE");
  if (version === 5) at = checkProperties(bytes, at, end, propertyPlaces.subscribe);
  // [MQTT-3.8.3-2]
  if (at === end) throw protocolError("MQTT-3.8.3-2", "SUBSCRIBE has no topic filter");
  for (let count = 0; at < end; count++) {
    if (count === filtersMax) refuseMoreFilters("SUBSCRIBE");
    const filterStart = at + 2;
    // [MQTT-3.8.3-1]
    at = textFieldEnd(bytes, at, end, "the topic filter");
    if (at === end) throw malformed("3.8.3.1", "SUBSCRIBE ends before its subscription options");
    // MQTT 3.1 does not use the upper bits.
    if (version === 3) bytes[at] = (bytes[at] as number) & 0x03;
    checkOptions(bytes[at] as number, isShared(bytes, filterStart, at), version);
    at++;
  }
}

const sharePrefix = Buffer.from("$share/");

function isShared(bytes: Buffer, start: number, end: number): boolean {
  return end - start > sharePrefix.length && bytes.compare(sharePrefix, 0, sharePrefix.length, start, start + 7) === 0;
}

const optionBits = { qos: 0x03, noLocal: 0x04, retainHandling: 0x30, reserved: 0xc0 } as const;

function checkOptions(options: number, shared: boolean, version: Version): void {
  const reserved = version === 5 ? optionBits.reserved : ~optionBits.qos;
  // [MQTT-3.8.3-5]
  if ((options & reserved) !== 0) throw malformed("MQTT-3.8.3-5", "reserved bits of the subscription options are set");
  if ((options & optionBits.qos) === 3) throw protocolError("3.8.3.1", "the maximum QoS of a subscription is 3");
  if ((options & optionBits.retainHandling) === optionBits.retainHandling) {
    throw protocolError("3.8.3.1", "the retain handling of a subscription is 3");
  }
  // [MQTT-3.8.3-4]
  if (shared && (options & optionBits.noLocal) !== 0) {
    throw protocolError("MQTT-3.8.3-4", "a shared subscription has the no local option");
  }
}

function checkUnsubscribe(bytes: Buffer, start: number, end: number, version: Version): void {
  let at = packetIdEnd(bytes, start, end, "UNSUBSCRIBE");
  if (version === 5) at = checkProperties(bytes, at, end, propertyPlaces.unsubscribe);
  // [MQTT-3.10.3-2]
  if (at === end) throw protocolError("MQTT-3.10.3-2", "UNSUBSCRIBE has no topic filter");
  for (let count = 0; at < end; count++) {
    if (count === filtersMax) refuseMoreFilters("UNSUBSCRIBE");
    // [MQTT-3.10.3-1]
    at = textFieldEnd(bytes, at, end, "the topic filter");
  }
}

/** Those of table 3-10 that a client sends, and those that only a server should: they end the connection like the others. */
const disconnectReasons: ReadonlySet<number> = new Set([
  reasonCodes.success,
  reasonCodes.disconnectWithWill,
  reasonCodes.unspecifiedError,
  reasonCodes.malformedPacket,
  reasonCodes.protocolError,
  reasonCodes.implementationSpecificError,
  reasonCodes.notAuthorized,
  reasonCodes.serverBusy,
  reasonCodes.serverShuttingDown,
  reasonCodes.keepAliveTimeout,
  reasonCodes.sessionTakenOver,
  reasonCodes.topicFilterInvalid,
  reasonCodes.topicNameInvalid,
  reasonCodes.receiveMaximumExceeded,
  reasonCodes.topicAliasInvalid,
  reasonCodes.packetTooLarge,
  reasonCodes.messageRateTooHigh,
  reasonCodes.quotaExceeded,
  reasonCodes.administrativeAction,
  reasonCodes.payloadFormatInvalid,
  reasonCodes.retainNotSupported,
  reasonCodes.qosNotSupported,
  reasonCodes.useAnotherServer,
  reasonCodes.serverMoved,
  reasonCodes.sharedSubscriptionsNotSupported,
  reasonCodes.connectionRateExceeded,
  reasonCodes.maximumConnectTime,
  reasonCodes.subscriptionIdentifiersNotSupported,
  reasonCodes.wildcardSubscriptionsNotSupported,
]);

function checkDisconnect(bytes: Buffer, start: number, end: number, version: Version): void {
  // 3.14.2.1: without a reason code it is success.
  if (start === end) return;
  if (version !== 5) throw malformed("MQTT 3.1.1 3.14.1", "DISCONNECT has a remaining length other than 0");
  const reasonCode = bytes[start] as number;
  // [MQTT-3.14.2-1]
  if (!disconnectReasons.has(reasonCode)) {
    throw protocolError("MQTT-3.14.2-1", `0x${reasonCode.toString(16)} is no reason code of DISCONNECT`);
  }
  checkReasonProperties(bytes, start + 1, end, propertyPlaces.disconnect);
}

function checkAuth(bytes: Buffer, start: number, end: number): void {
  // 3.15.2.1: without a reason code it is success, which only a server sends.
  const reasonCode = start === end ? reasonCodes.success : (bytes[start] as number);
  // [MQTT-3.15.2-1]
  if (reasonCode !== reasonCodes.continueAuthentication && reasonCode !== reasonCodes.reAuthenticate) {
    throw protocolError("MQTT-3.15.2-1", `0x${reasonCode.toString(16)} is no reason code of AUTH from a client`);
  }
  checkReasonProperties(bytes, start + 1, end, propertyPlaces.auth);
}

function checkReasonProperties(bytes: Buffer, at: number, end: number, place: PropertyPlace): void {
  // 3.14.2.2.1: a remaining length below 2 means no properties.
  if (at === end) return;
  if (checkProperties(bytes, at, end, place) !== end) {
    throw malformed("2.2.2.1", `${place.name} goes on behind its properties`);
  }
}
