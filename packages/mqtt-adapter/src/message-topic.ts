import { type Message, topicOfKey } from "@jackalope/core/adapter";
import { MqttFormat } from "./mapping.ts";
import { exactTopicProperty } from "./private-properties.ts";

/** The MQTT topic of a message of any protocol. */
export function topicOf(message: Message): string {
  return exactTopicOf(message) ?? message.route.topic ?? topicOfKey(message.route.routingKey);
}

/** The topic that stands in the message itself, or null. */
export function exactTopicOf(message: Message): string | null {
  const { bytes, nativeStart, nativeEnd } = message;
  if (nativeStart === nativeEnd || bytes[nativeStart] !== exactTopicProperty) return null;
  if (!(message.format instanceof MqttFormat)) return null;
  const start = nativeStart + 3;
  return bytes.toString("utf8", start, start + bytes.readUInt16BE(nativeStart + 1));
}
