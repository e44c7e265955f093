import { type Message } from "@jackalope/core/adapter";
import { MqttFormat, mqttFormat } from "./mapping.ts";
import { exactTopicProperty } from "./private-properties.ts";
import { propertyIds } from "./property-ids.ts";

const noBytes = Buffer.alloc(0);
/** Longer properties are converted anew each time. */
const sourceBytesMax = 512;

let lastFormat = "";
let lastSource: Buffer = noBytes;
let lastNative: Buffer = noBytes;

/**
 * The properties of a message that another protocol sent, as PUBLISH has them. What was converted last is kept: a
 * publisher repeats its properties, and a fan-out delivers one message many times.
 */
export function convertedProperties(message: Message): Buffer {
  const { bytes, nativeStart, nativeEnd } = message;
  const length = nativeEnd - nativeStart;
  if (message.format.id === lastFormat && length === lastSource.length) {
    let index = 0;
    while (index < length && lastSource[index] === bytes[nativeStart + index]) index++;
    if (index === length) return lastNative;
  }
  const encoded = mqttFormat(0, "none").fromProperties(message.properties);
  const native = encoded.subarray(exactTopicEnd(encoded, 0, encoded.length));
  if (length <= sourceBytesMax) {
    lastFormat = message.format.id;
    lastSource = Buffer.from(message.native);
    lastNative = native;
  }
  return native;
}

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
