import { LastConversion, type Message } from "@jackalope/core/adapter";
import { MqttFormat, mqttFormat } from "./mapping.ts";
import { exactTopicProperty } from "./private-properties.ts";
import { propertyIds } from "./property-ids.ts";

/** The properties of messages that other protocols sent, as PUBLISH has them. */
export const conversion: LastConversion = new LastConversion((properties) => {
  const encoded = mqttFormat(0, "none").fromProperties(properties);
  return encoded.subarray(exactTopicEnd(encoded, 0, encoded.length));
});

/** The end of the private property with the exact topic, `start` where there is none. */
export function exactTopicEnd(native: Buffer, start: number, end: number): number {
  if (start === end || native[start] !== exactTopicProperty) return start;
  return start + 3 + (((native[start + 1] as number) << 8) | (native[start + 2] as number));
}

/** True where the message's native properties are those of PUBLISH. */
export function isNative(message: Message): boolean {
  return message.format instanceof MqttFormat;
}

/** Where the value of the message expiry interval stands in sound properties of a PUBLISH, -1 where there is none. */
export function expiryPlace(native: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const id = native[at++] as number;
    switch (id) {
      case propertyIds.messageExpiryInterval:
        return at;
      case propertyIds.payloadFormatIndicator:
        at++;
        break;
      case propertyIds.subscriptionIdentifier:
        while ((native[at] as number) > 0x7f) at++;
        at++;
        break;
      case propertyIds.userProperty:
        at = fieldEnd(native, fieldEnd(native, at));
        break;
      default:
        // Content type, response topic, correlation data.
        at = fieldEnd(native, at);
    }
  }
  return -1;
}

function fieldEnd(native: Uint8Array, at: number): number {
  return at + 2 + (((native[at] as number) << 8) | (native[at + 1] as number));
}
