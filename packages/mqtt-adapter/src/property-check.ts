import { malformed, MqttError, protocolError } from "./mqtt-error.ts";
import { propertyIds } from "./property-ids.ts";
import { reasonCodes } from "./reason-codes.ts";
import { checkResponseTopic } from "./topic-rules.ts";
import { lengthPrefixedEnd, textFieldEnd } from "./utf8.ts";
import { variableByteInteger } from "./variable-byte-integer.ts";

/** How the value of a property is encoded (MQTT 5, table 2-4). */
const kinds = { flag: 1, twoBytes: 2, fourBytes: 3, variable: 4, text: 5, binary: 6, pair: 7 } as const;

/** The properties that clients send with anything but PUBLISH. */
const kindById = new Map<number, number>([
  [propertyIds.payloadFormatIndicator, kinds.flag],
  [propertyIds.messageExpiryInterval, kinds.fourBytes],
  [propertyIds.contentType, kinds.text],
  [propertyIds.responseTopic, kinds.text],
  [propertyIds.correlationData, kinds.binary],
  [propertyIds.subscriptionIdentifier, kinds.variable],
  [propertyIds.sessionExpiryInterval, kinds.fourBytes],
  [propertyIds.authenticationMethod, kinds.text],
  [propertyIds.authenticationData, kinds.binary],
  [propertyIds.requestProblemInformation, kinds.flag],
  [propertyIds.willDelayInterval, kinds.fourBytes],
  [propertyIds.requestResponseInformation, kinds.flag],
  [propertyIds.reasonString, kinds.text],
  [propertyIds.receiveMaximum, kinds.twoBytes],
  [propertyIds.topicAliasMaximum, kinds.twoBytes],
  [propertyIds.userProperty, kinds.pair],
  [propertyIds.maximumPacketSize, kinds.fourBytes],
]);

/** A place where properties stand, and which ones may. */
export interface PropertyPlace {
  readonly name: string;
  readonly ids: ReadonlySet<number>;
}

const { reasonString, userProperty } = propertyIds;

function allow(name: string, ...ids: readonly number[]): PropertyPlace {
  return { name, ids: new Set(ids) };
}

type PlaceName = "connect" | "will" | "acknowledgement" | "subscribe" | "unsubscribe" | "disconnect" | "auth";

/** Which properties a client may send where (MQTT 5, table 2-4); those of PUBLISH are in property-scan.ts. */
export const propertyPlaces: Readonly<Record<PlaceName, PropertyPlace>> = {
  connect: allow(
    "CONNECT",
    propertyIds.sessionExpiryInterval,
    propertyIds.authenticationMethod,
    propertyIds.authenticationData,
    propertyIds.requestProblemInformation,
    propertyIds.requestResponseInformation,
    propertyIds.receiveMaximum,
    propertyIds.topicAliasMaximum,
    propertyIds.maximumPacketSize,
    userProperty,
  ),
  will: allow(
    "the will",
    propertyIds.payloadFormatIndicator,
    propertyIds.messageExpiryInterval,
    propertyIds.contentType,
    propertyIds.responseTopic,
    propertyIds.correlationData,
    propertyIds.willDelayInterval,
    userProperty,
  ),
  acknowledgement: allow("an acknowledgement", reasonString, userProperty),
  subscribe: allow("SUBSCRIBE", propertyIds.subscriptionIdentifier, userProperty),
  unsubscribe: allow("UNSUBSCRIBE", userProperty),
  disconnect: allow("DISCONNECT", propertyIds.sessionExpiryInterval, reasonString, userProperty),
  auth: allow("AUTH", propertyIds.authenticationMethod, propertyIds.authenticationData, reasonString, userProperty),
};

/** Properties of one packet: what is beyond is taken for an attack on the parser's time. */
export const propertiesMax = 4096;

/**
 * Checks the property block, its length included, that begins at `at` and returns its end. `found`, where given, is told
 * the range of each property. Throws MqttError.
 */
export function checkProperties(
  bytes: Buffer,
  at: number,
  end: number,
  place: PropertyPlace,
  found?: (id: number, start: number, end: number) => void,
): number {
  variableByteInteger.read(bytes, at, end);
  let position = variableByteInteger.end;
  const propertiesEnd = position + variableByteInteger.value;
  if (propertiesEnd > end) throw malformed("2.2.2.1", `the properties of ${place.name} pass its end`);
  const seen = new Set<number>();
  for (let count = 0; position < propertiesEnd; count++) {
    if (count === propertiesMax) {
      throw new MqttError(
        reasonCodes.quotaExceeded,
        "2.2.2.2",
        `${place.name} has more than ${propertiesMax} properties`,
      );
    }
    const id = bytes[position] as number;
    if (!place.ids.has(id)) throw malformed("2.2.2.2", `property 0x${id.toString(16)} is none of ${place.name}`);
    if (id !== userProperty && seen.has(id)) {
      throw protocolError("2.2.2.2", `property 0x${id.toString(16)} stands twice in ${place.name}`);
    }
    seen.add(id);
    const start = position;
    position = propertyEnd(bytes, start, propertiesEnd, id);
    found?.(id, start, position);
  }
  // 3.1.2.11.10, 3.15.2.2.3: what the data is for would not be known.
  if (seen.has(propertyIds.authenticationData) && !seen.has(propertyIds.authenticationMethod)) {
    throw protocolError("3.1.2.11.10", `${place.name} has authentication data without a method`);
  }
  return propertiesEnd;
}

function propertyEnd(bytes: Buffer, at: number, end: number, id: number): number {
  const valueStart = at + 1;
  switch (kindById.get(id)) {
    case kinds.flag:
      if (valueStart >= end) throw cutShort(id);
      // 3.1.2.11.6, 3.1.2.11.7, 3.1.3.2.3
      if ((bytes[valueStart] as number) > 1) throw notAllowed(id, "neither 0 nor 1");
      return valueStart + 1;
    case kinds.twoBytes:
      if (valueStart + 2 > end) throw cutShort(id);
      // 3.1.2.11.3
      if (id === propertyIds.receiveMaximum && bytes.readUInt16BE(valueStart) === 0) throw notAllowed(id, "0");
      return valueStart + 2;
    case kinds.fourBytes:
      if (valueStart + 4 > end) throw cutShort(id);
      // 3.1.2.11.4
      if (id === propertyIds.maximumPacketSize && bytes.readUInt32BE(valueStart) === 0) throw notAllowed(id, "0");
      return valueStart + 4;
    case kinds.variable:
      variableByteInteger.read(bytes, valueStart, end);
      // 3.8.2.1.2
      if (variableByteInteger.value === 0) throw notAllowed(id, "0");
      return variableByteInteger.end;
    case kinds.text: {
      const textEnd = textFieldEnd(bytes, valueStart, end, `property 0x${id.toString(16)}`);
      if (id === propertyIds.responseTopic) checkResponseTopic(bytes, valueStart + 2, textEnd);
      return textEnd;
    }
    case kinds.binary:
      return lengthPrefixedEnd(bytes, valueStart, end, `property 0x${id.toString(16)}`);
    default: {
      // [MQTT-1.5.7-1]
      const nameEnd = textFieldEnd(bytes, valueStart, end, "the name of a user property");
      return textFieldEnd(bytes, nameEnd, end, "the value of a user property");
    }
  }
}

function cutShort(id: number): MqttError {
  return malformed("2.2.2.2", `property 0x${id.toString(16)} is cut short`);
}

function notAllowed(id: number, value: string): MqttError {
  return protocolError("2.2.2.2", `property 0x${id.toString(16)} is ${value}`);
}
