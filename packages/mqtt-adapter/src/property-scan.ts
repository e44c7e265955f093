import { malformed, MqttError, protocolError } from "./mqtt-error.ts";
import { propertyIds } from "./property-ids.ts";
import { reasonCodes } from "./reason-codes.ts";
import { checkResponseTopic } from "./topic-rules.ts";
import { lengthPrefixedEnd, textFieldEnd } from "./utf8.ts";

/**
 * What the broker must know of the properties of a PUBLISH, and where the ones are that stay with the message. Reused from
 * packet to packet. Places of strings and binary data are those of their content, -1 where they are absent.
 */
export class PropertyFacts {
  /** 0 where there is none. */
  topicAlias = 0;
  /** -1 where the message does not expire. */
  expirySeconds = -1;
  /** 1: the body is UTF-8 text. 0: it is not said, or said to be bytes. */
  payloadFormat: 0 | 1 = 0;
  contentTypeStart = -1;
  contentTypeEnd = -1;
  responseTopicStart = -1;
  responseTopicEnd = -1;
  correlationDataStart = -1;
  correlationDataEnd = -1;
  hasUserProperties = false;
  /** What stays with the message, as it stands, where `mustRewrite` is false. */
  nativeStart = 0;
  nativeEnd = 0;
  /** A topic alias stands between the properties that stay: `copyNative` leaves it out. */
  mustRewrite = false;
  /** Bytes of what stays. */
  nativeBytes = 0;
  #aliasStart = -1;

  /**
   * Checks the properties between `start` and `end`, which are those of a PUBLISH from a client (MQTT 5, 3.3.2.3). Throws
   * MqttError.
   */
  scan(bytes: Buffer, start: number, end: number): void {
    this.#reset(start, end);
    // Properties have identifiers below 64: one bit each.
    let seenLow = 0;
    let seenHigh = 0;
    let at = start;
    while (at < end) {
      const id = bytes[at] as number;
      if (id !== propertyIds.userProperty) {
        const bit = 1 << (id & 31);
        const repeated = id < 32 ? (seenLow & bit) !== 0 : (seenHigh & bit) !== 0;
        if (repeated && id < 64)
          throw protocolError("2.2.2.2", `property 0x${id.toString(16)} stands twice in PUBLISH`);
        if (id < 32) seenLow |= bit;
        else seenHigh |= bit;
      }
      at = this.#scanOne(bytes, at, end, id);
    }
    this.#placeNative(start, end);
  }

  /** Copies what stays with the message to `target` at `position`; the position behind it. */
  copyNative(bytes: Buffer, target: Buffer, position: number): number {
    if (!this.mustRewrite) {
      bytes.copy(target, position, this.nativeStart, this.nativeEnd);
      return position + this.nativeBytes;
    }
    bytes.copy(target, position, this.nativeStart, this.#aliasStart);
    const behind = position + this.#aliasStart - this.nativeStart;
    bytes.copy(target, behind, this.#aliasStart + aliasBytes, this.nativeEnd);
    return position + this.nativeBytes;
  }

  #reset(start: number, end: number): void {
    this.topicAlias = 0;
    this.expirySeconds = -1;
    this.payloadFormat = 0;
    this.contentTypeStart = this.contentTypeEnd = -1;
    this.responseTopicStart = this.responseTopicEnd = -1;
    this.correlationDataStart = this.correlationDataEnd = -1;
    this.hasUserProperties = false;
    this.#aliasStart = -1;
    this.nativeStart = start;
    this.nativeEnd = end;
    this.nativeBytes = end - start;
    this.mustRewrite = false;
  }

  #scanOne(bytes: Buffer, at: number, end: number, id: number): number {
    switch (id) {
      case propertyIds.payloadFormatIndicator:
        return this.#scanPayloadFormat(bytes, at, end);
      case propertyIds.messageExpiryInterval:
        if (at + 5 > end) throw cutShort();
        this.expirySeconds = bytes.readUInt32BE(at + 1);
        return at + 5;
      case propertyIds.contentType:
        // [MQTT-3.3.2-19]
        this.contentTypeStart = at + 3;
        return (this.contentTypeEnd = textFieldEnd(bytes, at + 1, end, "the content type"));
      case propertyIds.responseTopic:
        return this.#scanResponseTopic(bytes, at, end);
      case propertyIds.correlationData:
        this.correlationDataStart = at + 3;
        return (this.correlationDataEnd = lengthPrefixedEnd(bytes, at + 1, end, "the correlation data"));
      case propertyIds.topicAlias:
        return this.#scanTopicAlias(bytes, at, end);
      case propertyIds.userProperty: {
        this.hasUserProperties = true;
        const nameEnd = textFieldEnd(bytes, at + 1, end, "the name of a user property");
        return textFieldEnd(bytes, nameEnd, end, "the value of a user property");
      }
      case propertyIds.subscriptionIdentifier:
        // [MQTT-3.3.4-6]
        throw protocolError("MQTT-3.3.4-6", "PUBLISH of a client has a subscription identifier");
      default:
        throw malformed("2.2.2.2", `property 0x${id.toString(16)} is none of PUBLISH`);
    }
  }

  #scanPayloadFormat(bytes: Buffer, at: number, end: number): number {
    if (at + 2 > end) throw cutShort();
    const value = bytes[at + 1] as number;
    if (value > 1) throw protocolError("3.3.2.3.2", "the payload format indicator is neither 0 nor 1");
    this.payloadFormat = value as 0 | 1;
    return at + 2;
  }

  #scanResponseTopic(bytes: Buffer, at: number, end: number): number {
    const topicEnd = lengthPrefixedEnd(bytes, at + 1, end, "the response topic");
    this.responseTopicStart = at + 3;
    this.responseTopicEnd = topicEnd;
    checkResponseTopic(bytes, at + 3, topicEnd);
    return topicEnd;
  }

  #scanTopicAlias(bytes: Buffer, at: number, end: number): number {
    if (at + aliasBytes > end) throw cutShort();
    this.topicAlias = ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
    // [MQTT-3.3.2-8]
    if (this.topicAlias === 0) {
      throw new MqttError(reasonCodes.topicAliasInvalid, "MQTT-3.3.2-8", "PUBLISH has the topic alias 0");
    }
    this.#aliasStart = at;
    return at + aliasBytes;
  }

  #placeNative(start: number, end: number): void {
    const alias = this.#aliasStart;
    if (alias < 0) return;
    this.nativeBytes -= aliasBytes;
    if (alias === start) this.nativeStart = start + aliasBytes;
    else if (alias + aliasBytes === end) this.nativeEnd = alias;
    else this.mustRewrite = true;
  }
}

/** Identifier and value. */
const aliasBytes = 3;

function cutShort(): MqttError {
  return malformed("2.2.2.2", "a property of PUBLISH is cut short");
}
