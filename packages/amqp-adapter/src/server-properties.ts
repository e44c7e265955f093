import type { FieldTable, FieldValue } from "@jackalope/core/adapter";
import type { ServerIdentity } from "./options.ts";

const yes: FieldValue = { kind: "boolean", value: true };

/** What the server can do beyond AMQP 0-9-1, in RabbitMQ's order. */
const capabilities: FieldTable = [
  ["publisher_confirms", yes],
  ["exchange_exchange_bindings", yes],
  ["basic.nack", yes],
  ["consumer_cancel_notify", yes],
  ["connection.blocked", yes],
  ["consumer_priorities", yes],
  ["authentication_failure_close", yes],
  ["per_consumer_qos", yes],
  ["direct_reply_to", yes],
];

function text(value: string): FieldValue {
  return { kind: "string", value };
}

/** The server-properties of connection.start, keys sorted as RabbitMQ sends them. */
export function serverProperties(identity: ServerIdentity): FieldTable {
  return [
    ["capabilities", { kind: "table", value: capabilities }],
    ["cluster_name", text(identity.clusterName)],
    ["copyright", text("Copyright the Jackalope authors")],
    ["information", text(identity.information)],
    ["platform", text(identity.platform)],
    ["product", text(identity.product)],
    ["version", text(identity.version)],
  ];
}
