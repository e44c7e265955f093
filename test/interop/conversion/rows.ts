/** What the table of conversions is made of. */

/** The tongues of the table. MQTT 3.1 is as 3.1.1. */
export const protocols = ["amqp", "stomp", "mqtt5", "mqtt311"] as const;
export type Protocol = (typeof protocols)[number];

export const protocolTitles: Readonly<Record<Protocol, string>> = {
  amqp: "AMQP 0-9-1",
  stomp: "STOMP",
  mqtt5: "MQTT 5",
  mqtt311: "MQTT 3.1.1",
};

/** Bytes, written as hexadecimal digits. */
export interface Bytes {
  readonly hex: string;
}

/** A field of an AMQP table in a type that JavaScript has no value for. */
interface TypedField {
  readonly type: "byte" | "short" | "float" | "decimal" | "timestamp";
  readonly value: number | { readonly digits: number; readonly places: number };
}

/** A whole number of this many at most, and not many less: time goes by. */
export interface AtMost {
  readonly atMost: number;
}

/** Some text, which `of` describes. */
interface SomeText {
  readonly of: string;
}

export type Value =
  | string
  | number
  | boolean
  | null
  | Bytes
  | TypedField
  | AtMost
  | SomeText
  | readonly unknown[]
  | { readonly [name: string]: unknown };

/**
 * What a client says of a message, or gets to see, under the names of its protocol: properties of AMQP (`header NAME` for
 * one of its headers), headers of STOMP, properties of MQTT 5 (`User Property NAME`), and QoS and RETAIN of MQTT.
 */
export type Fields = Readonly<Record<string, Value>>;

/** What comes where one of the senders makes a difference. */
interface Exception {
  readonly from: readonly Protocol[];
  readonly to: Protocol;
  readonly arrives: Fields;
  readonly remark?: string;
}

/** One thing that a message says, in every protocol. A text in place of fields is the reason why there are none. */
export interface Row {
  readonly title: string;
  readonly sent: Readonly<Record<Protocol, Fields | string>>;
  /** Where it is lost, what arrives is what arrives of a message that says nothing. */
  readonly arrives: Readonly<Record<Protocol, Fields | string>>;
  readonly exceptions?: readonly Exception[];
  readonly remark?: string;
  /** The broker adds the origin of every message. */
  readonly withOrigin?: true;
}

/** Why MQTT 3.1.1 says so little. */
export const noProperties = "no properties before MQTT 5";

/** Another row says it. */
export const stated = "in another line";

/** What a receiver sees of a message that says nothing about itself. */
function plainFields(from: Protocol, to: Protocol): Fields {
  const fromMqtt = from === "mqtt5" || from === "mqtt311";
  switch (to) {
    case "amqp":
      return fromMqtt ? { "delivery-mode": 1 } : {};
    case "stomp":
      return {};
    case "mqtt5":
    case "mqtt311":
      return { QoS: 0, RETAIN: false };
  }
}

/** What has to arrive, every field of it. */
export function expectedFields(row: Row, from: Protocol, to: Protocol): Fields {
  const arrives = row.arrives[to];
  const usual = typeof arrives === "string" ? {} : arrives;
  const exception = row.exceptions?.find((candidate) => candidate.from.includes(from) && candidate.to === to);
  return { ...plainFields(from, to), ...(exception?.arrives ?? usual) };
}
