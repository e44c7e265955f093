import { type FieldTable, Message, type Route } from "@jackalope/core/adapter";
import { mqttFormat, type Qos } from "../mapping.ts";
import { exactTopicProperty } from "../private-properties.ts";
import type { AedesPacket, EmitterMessage } from "./packet.ts";

const empty = Buffer.alloc(0);

/** A packet as a message of the core. The message shares the payload's memory. `origin` are headers to be added. */
export function messageOf(route: Route, packet: EmitterMessage | AedesPacket, origin: FieldTable | null): Message {
  const qos: Qos = packet["qos"] === 1 || packet["qos"] === 2 ? packet["qos"] : 0;
  const format = mqttFormat(qos, packet["retain"] === true ? "retain" : "none");
  const exactTopic = route.topic === null ? empty : exactTopicBytes(route.topic);
  const headers = origin === null ? empty : format.fromProperties({ headers: origin });
  const body = bodyOf(packet["payload"]);
  const nativeBytes = exactTopic.length + headers.length;
  const bytes = nativeBytes === 0 ? body : Buffer.concat([exactTopic, headers, body]);
  const message = new Message(route, format, bytes, 0, nativeBytes, nativeBytes, bytes.length);
  message.persistent = qos > 0;
  return message;
}

function exactTopicBytes(topic: string): Buffer {
  const text = Buffer.from(topic);
  const head = Buffer.allocUnsafe(3);
  head[0] = exactTopicProperty;
  head.writeUInt16BE(text.length, 1);
  return Buffer.concat([head, text]);
}

/** aedes emits bytes and text; what other programs emit reaches the broker as JSON. */
function bodyOf(payload: unknown): Buffer {
  if (Buffer.isBuffer(payload)) return payload;
  if (typeof payload === "string") return Buffer.from(payload);
  if (payload instanceof Uint8Array) return Buffer.from(payload);
  return payload === undefined || payload === null ? empty : Buffer.from(JSON.stringify(payload));
}
