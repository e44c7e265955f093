import { type Fields, noProperties, type Protocol, protocolTitles, type Row, stated } from "./rows.ts";

function origin(prefix: string, protocol: string, clientId: string | null): Fields {
  return {
    [`${prefix}x-origin-protocol`]: protocol,
    [`${prefix}x-origin-user`]: "guest",
    [`${prefix}x-origin-peer`]: { of: "address and port" },
    ...(clientId === null ? {} : { [`${prefix}x-origin-client-id`]: clientId }),
  };
}

function originRow(from: Protocol, said: Fields, protocol: string, clientId: string | null): Row {
  const none = { amqp: stated, stomp: stated, mqtt5: stated, mqtt311: stated };
  return {
    title: `Origin of what ${protocolTitles[from]} sent`,
    withOrigin: true,
    sent: { ...none, [from]: said },
    arrives: {
      amqp: origin("header ", protocol, clientId),
      stomp: origin("", protocol, clientId),
      mqtt5: origin("User Property ", protocol, clientId),
      mqtt311: noProperties,
    },
    remark:
      "With the setting `origin-headers`. What a client says under these names is replaced. The client identifier is MQTT's.",
  };
}

/** Who published a message, where the setting `origin-headers` is on. */
export const originRows: readonly Row[] = [
  originRow("amqp", { "header x-origin-user": "forged" }, "AMQP 0-9-1", null),
  originRow("stomp", { "x-origin-user": "forged" }, "STOMP 1.2", null),
  originRow("mqtt5", { "User Property x-origin-user": "forged" }, "MQTT 5.0", "interop-mqtt5"),
  originRow("mqtt311", {}, "MQTT 3.1.1", "interop-mqtt311"),
];
