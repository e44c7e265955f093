import { topicLevelsMax } from "@jackalope/core/adapter";
import { malformed, MqttError, protocolError } from "./mqtt-error.ts";
import { reasonCodes } from "./reason-codes.ts";
import type { SharedFilter } from "./subscription.ts";
import { characterEnd, checkText } from "./utf8.ts";

const plus = 0x2b;
const numberSign = 0x23;
const sharePrefix = "$share/";

/**
 * Checks a topic name (MQTT 5, 4.7) in one pass over its bytes. Throws 0x81 for text that is none, 0x82 where it is empty,
 * 0x90 for wildcards. `what` names it in the explanation.
 */
export function checkTopicName(bytes: Buffer, start: number, end: number, what: string = "the topic name"): void {
  // [MQTT-4.7.3-1]
  if (start === end) throw protocolError("MQTT-4.7.3-1", `${what} is empty`);
  let at = start;
  while (at < end) {
    const byte = bytes[at] as number;
    if (byte > numberSign && byte < 0x80 && byte !== plus) at++;
    else if (byte > 0x7f) {
      at = characterEnd(bytes, at, end);
      // [MQTT-1.5.4-1]
      if (at < 0) throw malformed("MQTT-1.5.4-1", `${what} is not UTF-8`);
    } else if (byte === plus || byte === numberSign) {
      // [MQTT-3.3.2-2]
      throw new MqttError(reasonCodes.topicNameInvalid, "MQTT-3.3.2-2", `${what} contains a wildcard`);
    } else if (byte === 0) {
      // [MQTT-4.7.3-2]
      throw malformed("MQTT-1.5.4-2", `${what} contains a NUL`);
    } else at++;
  }
}

/** Throws 0x90 for the topic of a message that looks like the filter of a shared subscription (MQTT 5, 4.8.2). */
export function checkNoSharedFilter(topic: string, what: string): void {
  if (!topic.startsWith(sharePrefix)) return;
  const explanation = `${what} has the form of a shared subscription's filter`;
  throw new MqttError(reasonCodes.topicNameInvalid, "4.8.2", explanation);
}

/** Checks the response topic of a PUBLISH or a will. Throws 0x81 for text that is none, 0x82 for what is no topic name. */
export function checkResponseTopic(bytes: Buffer, start: number, end: number): void {
  // [MQTT-4.7.3-1]
  if (start === end) throw protocolError("MQTT-4.7.3-1", "the response topic is empty");
  // [MQTT-3.3.2-13]
  checkText(bytes, start, end, "the response topic");
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    // [MQTT-3.3.2-14]
    if (byte === plus || byte === numberSign) {
      throw protocolError("MQTT-3.3.2-14", "the response topic contains a wildcard");
    }
  }
}

function levelsOf(filter: string): number {
  let levels = 1;
  for (let at = filter.indexOf("/"); at >= 0; at = filter.indexOf("/", at + 1)) levels++;
  return levels;
}

function invalidFilter(clause: string, explanation: string): MqttError {
  return new MqttError(reasonCodes.topicFilterInvalid, clause, explanation);
}

/** Checks a topic filter (MQTT 5, 4.7), which is not a shared one, or the part of one behind its group. Throws 0x8F. */
export function checkTopicFilter(filter: string): void {
  // [MQTT-4.7.3-1]
  if (filter.length === 0) throw invalidFilter("MQTT-4.7.3-1", "the topic filter is empty");
  // [MQTT-4.7.3-2]
  if (filter.includes("\0")) throw invalidFilter("MQTT-4.7.3-2", "the topic filter contains a NUL");
  if (levelsOf(filter) > topicLevelsMax)
    throw invalidFilter("4.7.3", `the topic filter has over ${topicLevelsMax} levels`);
  const multiLevel = filter.indexOf("#");
  // [MQTT-4.7.1-1] alone, or behind a slash, and last
  if (multiLevel >= 0 && (multiLevel !== filter.length - 1 || !(multiLevel === 0 || filter[multiLevel - 1] === "/"))) {
    throw invalidFilter("MQTT-4.7.1-1", "# is not the whole last level of the topic filter");
  }
  for (let at = filter.indexOf("+"); at >= 0; at = filter.indexOf("+", at + 1)) {
    const startsLevel = at === 0 || filter[at - 1] === "/";
    const endsLevel = at === filter.length - 1 || filter[at + 1] === "/";
    // [MQTT-4.7.1-2]
    if (!startsLevel || !endsLevel) throw invalidFilter("MQTT-4.7.1-2", "+ is not a whole level of the topic filter");
  }
}

/** Takes a shared subscription's filter apart, whose filter is not checked; null for another one. Throws 0x8F. */
export function parseSharedFilter(text: string): SharedFilter | null {
  if (!text.startsWith(sharePrefix)) return null;
  const groupEnd = text.indexOf("/", sharePrefix.length);
  const group = text.slice(sharePrefix.length, groupEnd < 0 ? text.length : groupEnd);
  // [MQTT-4.8.2-1]
  if (group.length === 0) throw invalidFilter("MQTT-4.8.2-1", "the share name is empty");
  // [MQTT-4.8.2-2]
  if (group.includes("+") || group.includes("#")) {
    throw invalidFilter("MQTT-4.8.2-2", "the share name contains a wildcard");
  }
  // [MQTT-4.8.2-2]
  if (groupEnd < 0 || groupEnd === text.length - 1) {
    throw invalidFilter("MQTT-4.8.2-2", "no topic filter behind the share name");
  }
  return { group, filter: text.slice(groupEnd + 1) };
}
