import { connectAsync, type IClientPublishOptions, type IPublishPacket } from "mqtt";
import type { MqttAddress } from "../../harness/mqtt-target.ts";
import { Inbox, within } from "../../harness/waiting.ts";
import type { Fields, Value } from "../conversion/rows.ts";
import { type Arrived, isBytes, type Participant, prefixedFields, splitFields } from "./participant.ts";

const userPrefix = "User Property ";

/** Names of the properties, and what MQTT.js calls them. */
const propertyNames: Readonly<Record<string, keyof NonNullable<IPublishPacket["properties"]>>> = {
  "Content Type": "contentType",
  "Correlation Data": "correlationData",
  "Message Expiry Interval": "messageExpiryInterval",
  "Payload Format Indicator": "payloadFormatIndicator",
  "Response Topic": "responseTopic",
};

/** MQTT.js in version 5 or 3.1.1. */
export async function mqttParticipant(address: MqttAddress, protocol: "mqtt5" | "mqtt311"): Promise<Participant> {
  const { host, port, username, password } = address;
  const protocolVersion = protocol === "mqtt5" ? 5 : 4;
  const client = await connectAsync({
    ...{ host, port, username, password, protocolVersion },
    protocol: "mqtt",
    clientId: `interop-${protocol}`,
    reconnectPeriod: 0,
  });
  client.on("error", () => undefined);
  const inboxes = new Map<string, Inbox<Arrived>>();
  client.on("message", (topic, body, packet) => inboxes.get(topic)?.push(arrived(topic, body, packet)));
  return {
    protocol,
    send: async ({ topic }, fields, body) => {
      await within("the acknowledgement", client.publishAsync(topic, body, optionsOf(fields)));
    },
    receive: async ({ topic }) => {
      const inbox = new Inbox<Arrived>(`MQTT messages of ${topic}`);
      inboxes.set(topic, inbox);
      await within("SUBACK", client.subscribeAsync(topic, { qos: 2 }));
      return inbox;
    },
    close: () => client.endAsync(true),
  };
}

/** What MQTT.js is told for these fields. */
function optionsOf(fields: Fields): IClientPublishOptions {
  const [user, others] = splitFields(fields, userPrefix);
  const { QoS: qos = 0, RETAIN: retain = false, ...named } = others;
  const properties: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(named)) {
    properties[propertyNames[name] ?? name] = isBytes(value) ? Buffer.from(value.hex, "hex") : value;
  }
  if (Object.keys(user).length > 0) properties["userProperties"] = user;
  const options = { qos: qos as 0 | 1 | 2, retain: retain === true };
  return Object.keys(properties).length === 0 ? options : { ...options, properties };
}

function arrived(address: string, body: Buffer, { qos, retain, properties = {} }: IPublishPacket): Arrived {
  const fields: Record<string, Value> = { QoS: qos, RETAIN: retain };
  for (const [name, key] of Object.entries(propertyNames)) {
    const value = properties[key];
    if (value === undefined) continue;
    fields[name] = Buffer.isBuffer(value) ? { hex: value.toString("hex") } : (value as Value);
  }
  const user = prefixedFields({ ...properties.userProperties }, userPrefix);
  return { fields: { ...fields, ...user }, body, address };
}
