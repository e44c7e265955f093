/** AMQP 0-9-1 for a Jackalope broker. */
export type { ListenAddress, ListenOptions } from "@jackalope/transport";
export { type AmqpAdapter, createAmqpAdapter } from "./adapter.ts";
export { decodeFieldTable } from "./field-table.ts";
export { fieldTableBytes, writeFieldTable } from "./field-table-writer.ts";
export { fixedAmqpLimits } from "./fixed-limits.ts";
export { amqpFormat } from "./mapping.ts";
export {
  type AmqpAdapterOptions,
  type AmqpLimits,
  defaultAmqpLimits,
  defaultServerIdentity,
  type ServerIdentity,
} from "./options.ts";
export { decodeProperties, encodeProperties } from "./property-codec.ts";
export { createAmqpRefuser } from "./refuser.ts";
