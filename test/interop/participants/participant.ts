import type { Inbox } from "../../harness/waiting.ts";
import type { Bytes, Fields, Protocol, Value } from "../conversion/rows.ts";

/** One place for messages, in the words of every protocol. */
export interface Address {
  readonly topic: string;
  readonly key: string;
  readonly destination: string;
}

/** A message as a client got it. */
export interface Arrived {
  readonly fields: Fields;
  readonly body: Buffer;
  /** MQTT's topic, AMQP's routing key, STOMP's destination. */
  readonly address: string;
}

/** Somebody who speaks one of the protocols, through a client library. */
export interface Participant {
  readonly protocol: Protocol;
  send(address: Address, fields: Fields, body: string | Buffer): Promise<void>;
  /** Returns when the subscription stands. */
  receive(address: Address): Promise<Inbox<Arrived>>;
  close(): Promise<void>;
}

/** The address of a topic that every protocol can say. */
export function addressOf(topic: string): Address {
  const key = topic.replaceAll("/", ".");
  return { topic, key, destination: `/topic/${key}` };
}

export function isBytes(value: Value): value is Bytes {
  return typeof value === "object" && value !== null && "hex" in value;
}

/** The fields whose names begin with `prefix`, without it; and the others. */
export function splitFields(fields: Fields, prefix: string): readonly [named: Fields, others: Fields] {
  const entries = Object.entries(fields);
  return [
    Object.fromEntries(
      entries.filter(([name]) => name.startsWith(prefix)).map(([name, value]) => [name.slice(prefix.length), value]),
    ),
    Object.fromEntries(entries.filter(([name]) => !name.startsWith(prefix))),
  ];
}

/** The same with `prefix` before every name. */
export function prefixedFields(fields: Fields, prefix: string): Fields {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [prefix + name, value]));
}
