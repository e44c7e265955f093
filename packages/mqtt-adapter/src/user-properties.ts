import {
  deathHeader,
  deathHistory,
  type FieldValue,
  fieldText,
  type Properties,
  stringField,
} from "@jackalope/core/adapter";

/**
 * User properties and what they are elsewhere: headers, in order and with duplicates. Properties of AMQP that MQTT has
 * none for travel as user properties under `amqp.`, before the others.
 */

/** Text properties that MQTT lacks, and their names. */
const carriedTexts = {
  contentEncoding: "amqp.content-encoding",
  messageId: "amqp.message-id",
  type: "amqp.type",
  appId: "amqp.app-id",
  clusterId: "amqp.cluster-id",
} as const satisfies Partial<Record<keyof Properties, string>>;

type CarriedText = keyof typeof carriedTexts;

const carriedTextProperties = Object.keys(carriedTexts) as CarriedText[];
const propertyOf = new Map<string, CarriedText>(
  carriedTextProperties.map((property) => [carriedTexts[property], property]),
);
const carriedPrefix = "amqp.";
const priorityName = "amqp.priority";
const timestampName = "amqp.timestamp";
/** One way only: a publisher must not pass for another user, so on the way in it stays a header. */
const userIdName = "amqp.user-id";

/** Longer text fits no property of AMQP and stays a header. */
const propertyBytesMax = 255;
const timestampMax = 2n ** 64n - 1n;
const wholeNumber = /^(?:0|[1-9]\d{0,19})$/;

/** Headers that stand for properties of MQTT which the other protocols lack. */
export const mqttHeaders = {
  topic: "x-mqtt-topic",
  qos: "x-mqtt-qos",
  retain: "x-mqtt-retain",
  payloadFormat: "x-mqtt-payload-format",
  correlationData: "x-correlation-id",
  responseTopic: "x-reply-to-topic",
} as const;

const taken = new Set<string>(Object.values(mqttHeaders));
/** Goes before a user property of such a name, as often as it takes, so that it is not taken for the other thing. */
const escapePrefix = "mqtt.";
const escapePrefixes = /^(?:mqtt\.)+/;

/** The name of the header for a user property. */
function headerName(name: string): string {
  return taken.has(name.replace(escapePrefixes, "")) ? escapePrefix + name : name;
}

/** The name of the user property for a header. */
function userPropertyName(name: string): string {
  if (!name.startsWith(escapePrefix) || !taken.has(name.replace(escapePrefixes, ""))) return name;
  return name.slice(escapePrefix.length);
}

/** Takes the user properties of one message in their order. */
export class UserPropertyReader {
  readonly #properties: Properties;
  readonly #headers: [string, FieldValue][];
  /** Names under `amqp.` that came already: only the first may become a property, or the order would be lost. */
  readonly #seen = new Set<string>();

  constructor(properties: Properties, headers: [string, FieldValue][]) {
    this.#properties = properties;
    this.#headers = headers;
  }

  take(name: string, value: string): void {
    if (name.startsWith(carriedPrefix) && this.#takeCarried(name, value)) return;
    this.#headers.push([headerName(name), name === deathHeader ? deathHistory(value) : stringField(value)]);
  }

  /** Sets the property that the name stands for; false where it stands for none, or the value does not fit it. */
  #takeCarried(name: string, value: string): boolean {
    const property = propertyOf.get(name);
    if (property === undefined && name !== priorityName && name !== timestampName) return false;
    if (this.#seen.has(name)) return false;
    this.#seen.add(name);
    if (property !== undefined) {
      if (Buffer.byteLength(value) > propertyBytesMax) return false;
      this.#properties[property] = value;
      return true;
    }
    if (!wholeNumber.test(value)) return false;
    if (name === priorityName) {
      if (Number(value) > 255) return false;
      this.#properties.priority = Number(value);
      return true;
    }
    if (BigInt(value) > timestampMax) return false;
    this.#properties.timestamp = BigInt(value);
    return true;
  }
}

/** Calls `write` for each user property that carries a property of AMQP. */
export function carriedProperties(properties: Properties, write: (name: string, value: string) => void): void {
  for (const property of carriedTextProperties) {
    const value = properties[property];
    if (value !== undefined) write(carriedTexts[property], value);
  }
  if (properties.priority !== undefined) write(priorityName, String(properties.priority));
  if (properties.timestamp !== undefined) write(timestampName, properties.timestamp.toString());
  if (properties.userId !== undefined) write(userIdName, properties.userId);
}

/** Calls `write` for a header that is nothing else in MQTT; values of all types become text. */
export function headerAsUserProperty(
  name: string,
  value: FieldValue,
  write: (name: string, value: string) => void,
): void {
  write(userPropertyName(name), fieldText(value));
}
