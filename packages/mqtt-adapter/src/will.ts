import { isUtf8 } from "node:buffer";
import {
  emptyFieldTable,
  type FieldTable,
  headersWithOrigin,
  Message,
  parseReplyPath,
  Route,
} from "@jackalope/core/adapter";
import { mqttFormat, type Qos } from "./mapping.ts";
import { MqttError } from "./mqtt-error.ts";
import type { ConnectPacket } from "./rare-packets.ts";
import { reasonCodes } from "./reason-codes.ts";
import { addressOfTopic, exactTopicBytes, type TopicAddress } from "./topic-address.ts";

/** A will as its client gave it with CONNECT (MQTT 5, 3.1.2.5). */
export interface Will {
  readonly topic: string;
  readonly qos: Qos;
  readonly retain: boolean;
  /** Seconds between the end of the connection and the will. */
  readonly delaySeconds: number;
  /** Message expiry, -1 where there is none. */
  readonly expirySeconds: number;
  /** Properties as they stand in a PUBLISH of MQTT 5, without the length before them. */
  readonly native: Uint8Array;
  readonly body: Uint8Array;
}

/** As it stands in the record of a session. */
export interface StoredWill extends Omit<Will, "native" | "body"> {
  /** Base64. */
  readonly native: string;
  readonly body: string;
}

/** The will in a CONNECT, null where it has none. Throws 0x99 where the payload is not the text that it is said to be. */
export function willOf(packet: ConnectPacket): Will | null {
  const { will } = packet;
  if (will === undefined) return null;
  const body = Buffer.from(will.payload);
  if (will.properties?.payloadFormatIndicator === true && !isUtf8(body)) {
    throw new MqttError(reasonCodes.payloadFormatInvalid, "3.1.3.2.3", "the will's payload is not UTF-8");
  }
  return {
    topic: will.topic,
    qos: will.qos ?? 0,
    retain: will.retain ?? false,
    delaySeconds: will.properties?.willDelayInterval ?? 0,
    expirySeconds: will.properties?.messageExpiryInterval ?? -1,
    native: packet.willNative,
    body,
  };
}

/** The will with headers that tell who left it. */
export function willWithOrigin(will: Will, origin: FieldTable): Will {
  const format = mqttFormat(will.qos, will.retain ? "retain" : "none");
  const properties = format.toProperties(will.native);
  const headers = headersWithOrigin(properties.headers ?? emptyFieldTable, origin);
  return { ...will, native: format.fromProperties({ ...properties, headers }) };
}

/** The message that the will is when it is published; `exchange` is the topic exchange. */
export function willMessage(will: Will, exchange: string): Message {
  const { topic, qos, retain, native, body } = will;
  const address = addressOfTopic(topic, exchange);
  const route = routeOf(address, exchange);
  const prefix = address.exact === null ? Buffer.alloc(0) : exactTopicBytes(Buffer.from(topic));
  const bytes = Buffer.concat([prefix, native, body]);
  const bodyStart = bytes.length - body.length;
  const format = mqttFormat(qos, retain ? "retain" : "none");
  const message = new Message(route, format, bytes, 0, bodyStart, bodyStart, bytes.length);
  message.owned = true;
  message.persistent = qos > 0;
  if (will.expirySeconds >= 0) message.expirationMs = will.expirySeconds * 1000;
  return message;
}

/** Where the will goes: an answer to somebody's request follows the path that the request gave. */
function routeOf({ exchange, routingKey, exact }: TopicAddress, mqttExchange: string): Route {
  const path = exchange === "" ? parseReplyPath(routingKey, mqttExchange) : null;
  return path === null ? new Route(exchange, routingKey, exact) : new Route(path.exchange, path.routingKey, path.topic);
}

/** For the record of a session. */
export function storedWill(will: Will): StoredWill {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
  return { ...will, native: base64(will.native), body: base64(will.body) };
}

/** A will from the record of a session. */
export function restoredWill(stored: StoredWill): Will {
  return { ...stored, native: Buffer.from(stored.native, "base64"), body: Buffer.from(stored.body, "base64") };
}
