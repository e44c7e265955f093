import { isUtf8 } from "node:buffer";
import {
  type FieldTable,
  type FieldValue,
  fieldText,
  findField,
  keyOfTopic,
  type Properties,
  stringField,
  topicOfKey,
} from "@jackalope/core/adapter";
import { fieldBytesMax, NativeWriter } from "./native-writer.ts";
import { exactTopicProperty } from "./private-properties.ts";
import { propertyIds } from "./property-ids.ts";
import { replyToOf, responseTopicOf } from "./reply-address.ts";
import { carriedProperties, headerAsUserProperty, mqttHeaders, UserPropertyReader } from "./user-properties.ts";
import { variableByteInteger } from "./variable-byte-integer.ts";

/**
 * The native form of MQTT: the property block of a PUBLISH without its length (MQTT 5, 3.3.2.3), before it the exact
 * topic where the routing key does not tell it. Identifiers and values stand behind each other in any order.
 */

const correlationIdBytesMax = 255;
const expirySecondsMax = 0xff_ff_ff_ff;
const payloadFormats = ["unspecified", "utf-8"] as const;
const wholeNumber = /^\+?\d+$/;

class Reader {
  readonly properties: Properties;
  readonly #bytes: Buffer;
  readonly #headers: [string, FieldValue][] = [];
  readonly #userProperties: UserPropertyReader;
  #at = 0;

  constructor(native: Uint8Array, qos: number, retain: boolean) {
    this.#bytes = Buffer.from(native.buffer, native.byteOffset, native.byteLength);
    // Always with headers: AMQP programs look into the table without asking whether there is one.
    this.properties = { deliveryMode: qos === 0 ? 1 : 2, headers: this.#headers };
    this.#userProperties = new UserPropertyReader(this.properties, this.#headers);
    if (qos === 2) this.#headers.push([mqttHeaders.qos, { kind: "uint8", value: 2 }]);
    if (retain) this.#headers.push([mqttHeaders.retain, { kind: "boolean", value: true }]);
  }

  run(): void {
    while (this.#at < this.#bytes.length) this.#one(this.#bytes[this.#at++] as number);
  }

  #one(id: number): void {
    switch (id) {
      case exactTopicProperty:
        this.#headers.push([mqttHeaders.topic, stringField(this.#text())]);
        return;
      case propertyIds.payloadFormatIndicator:
        this.#headers.push([mqttHeaders.payloadFormat, stringField(payloadFormats[this.#byte() === 1 ? 1 : 0])]);
        return;
      case propertyIds.messageExpiryInterval:
        this.properties.expiration = String(this.#bytes.readUInt32BE(this.#advance(4)) * 1000);
        return;
      case propertyIds.contentType:
        this.properties.contentType = this.#text();
        return;
      case propertyIds.responseTopic:
        this.#responseTopic(this.#text());
        return;
      case propertyIds.correlationData:
        this.#correlationData(this.#binary());
        return;
      case propertyIds.subscriptionIdentifier:
        // One subscriber's business.
        variableByteInteger.read(this.#bytes, this.#at, this.#bytes.length);
        this.#at = variableByteInteger.end;
        return;
      case propertyIds.userProperty: {
        const name = this.#text();
        this.#userProperties.take(name, this.#text());
        return;
      }
      default:
        throw new Error(`property 0x${id.toString(16)} in the properties of a message`);
    }
  }

  #responseTopic(topic: string): void {
    this.properties.replyTo = replyToOf(topic);
    this.#headers.push([mqttHeaders.responseTopic, stringField(keyOfTopic(topic))]);
  }

  /** What is no text, or too long for AMQP's correlation-id, goes where RabbitMQ puts it. */
  #correlationData(data: Buffer): void {
    const isText = isUtf8(data) && !data.includes(0);
    if (isText && data.length <= correlationIdBytesMax) {
      this.properties.correlationId = data.toString("utf8");
      return;
    }
    // A copy: the bytes are a socket's, and properties may stay. Not an opaque string: clients take that for text.
    const value: FieldValue = isText
      ? stringField(data.toString("utf8"))
      : { kind: "binary", value: Buffer.from(data) };
    this.#headers.push([mqttHeaders.correlationData, value]);
  }

  #byte(): number {
    return this.#bytes[this.#advance(1)] as number;
  }

  #binary(): Buffer {
    const length = this.#bytes.readUInt16BE(this.#advance(2));
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  #text(): string {
    const length = this.#bytes.readUInt16BE(this.#advance(2));
    const start = this.#advance(length);
    return this.#bytes.toString("utf8", start, start + length);
  }

  #advance(byteCount: number): number {
    const at = this.#at;
    this.#at += byteCount;
    if (this.#at > this.#bytes.length) throw new Error("the properties of a message are cut short");
    return at;
  }
}

/** Decodes native properties of a message with this QoS and RETAIN flag. Throws where they are not sound. */
export function decodeProperties(native: Uint8Array, qos: number, retain: boolean): Properties {
  const reader = new Reader(native, qos, retain);
  reader.run();
  return reader.properties;
}

const writer = new NativeWriter();

function writeUserProperty(name: string, value: string): void {
  writer.byte(propertyIds.userProperty);
  writer.text(name);
  writer.text(value);
}

function writeText(id: number, value: string): void {
  writer.byte(id);
  writer.text(value);
}

/**
 * Encodes properties into native ones. Text beyond 65,535 bytes is cut at a whole character; correlation data and
 * response topics of that length are left out, as a part of them leads nowhere.
 */
export function encodeProperties(properties: Properties): Buffer {
  const headers = properties.headers ?? [];
  writer.begin();
  // First of all, where deliveries look for it.
  writeExactTopic(headers);
  writePayloadFormat(headers);
  writeExpiry(properties.expiration);
  if (properties.contentType !== undefined) writeText(propertyIds.contentType, properties.contentType);
  const responseTopic = responseTopicFor(properties, headers);
  if (responseTopic !== null) writeText(propertyIds.responseTopic, responseTopic);
  const correlationData = correlationDataOf(properties, headers);
  if (correlationData !== null) {
    writer.byte(propertyIds.correlationData);
    writer.binary(correlationData);
  }
  carriedProperties(properties, writeUserProperty);
  for (const [name, value] of headers) {
    if (!standsElsewhere(name, value, properties, responseTopic)) headerAsUserProperty(name, value, writeUserProperty);
  }
  return writer.take();
}

/** True for headers that say what a property of MQTT, QoS or RETAIN says. */
function standsElsewhere(
  name: string,
  value: FieldValue,
  properties: Properties,
  responseTopic: string | null,
): boolean {
  switch (name) {
    case mqttHeaders.topic:
    case mqttHeaders.qos:
    case mqttHeaders.retain:
      return true;
    case mqttHeaders.payloadFormat:
      return payloadFormatOf(value) >= 0;
    case mqttHeaders.correlationData:
      return properties.correlationId === undefined;
    case mqttHeaders.responseTopic:
      return value.kind === "string" && responseTopic !== null && value.value === keyOfTopic(responseTopic);
    default:
      return false;
  }
}

function writeExactTopic(headers: FieldTable): void {
  const value = findField(headers, mqttHeaders.topic);
  if (value?.kind !== "string") return;
  const topic = value.value;
  // Headers of other protocols may say anything: what is no topic name would cost the subscriber its connection.
  if (topic === "" || /[+#\0]/.test(topic) || Buffer.byteLength(topic) > fieldBytesMax) return;
  writeText(exactTopicProperty, topic);
}

/** 0 or 1, -1 for what says nothing about the payload. */
function payloadFormatOf(value: FieldValue | undefined): number {
  return value?.kind === "string" ? payloadFormats.indexOf(value.value as (typeof payloadFormats)[number]) : -1;
}

function writePayloadFormat(headers: FieldTable): void {
  const format = payloadFormatOf(findField(headers, mqttHeaders.payloadFormat));
  if (format < 0) return;
  writer.byte(propertyIds.payloadFormatIndicator);
  writer.byte(format);
}

/** Seconds, rounded up: a message must not run out early. */
function writeExpiry(expiration: string | undefined): void {
  if (expiration === undefined || !wholeNumber.test(expiration)) return;
  writer.byte(propertyIds.messageExpiryInterval);
  writer.fourByteInteger(Math.min(Math.ceil(Number(expiration) / 1000), expirySecondsMax));
}

function responseTopicFor(properties: Properties, headers: FieldTable): string | null {
  let topic: string | null = null;
  if (properties.replyTo !== undefined) topic = responseTopicOf(properties.replyTo);
  else {
    const key = findField(headers, mqttHeaders.responseTopic);
    if (key?.kind === "string") topic = topicOfKey(key.value);
  }
  return topic !== null && Buffer.byteLength(topic) <= fieldBytesMax ? topic : null;
}

function correlationDataOf(properties: Properties, headers: FieldTable): Uint8Array | null {
  let data: Uint8Array | null = null;
  if (properties.correlationId !== undefined) data = Buffer.from(properties.correlationId);
  else {
    const value = findField(headers, mqttHeaders.correlationData);
    if (value?.kind === "binary" || value?.kind === "opaque-string") data = value.value;
    else if (value !== undefined) data = Buffer.from(fieldText(value));
  }
  return data !== null && data.length <= fieldBytesMax ? data : null;
}
