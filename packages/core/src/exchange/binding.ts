import type { Payer } from "../account/payer.ts";
import { bindingBytes } from "../account/topology-bytes.ts";
import type { FieldTable } from "../field-value.ts";
import { fieldTableText } from "../field-table-text.ts";
import type { Queue } from "../queue/queue.ts";
import type { Exchange } from "./exchange.ts";

/** What a binding leads to. */
export type Destination = Queue | Exchange;

/** A binding as asked for, by names. */
export interface BindingSpec {
  readonly source: string;
  readonly destination: string;
  readonly destinationKind: "queue" | "exchange";
  readonly routingKey: string;
  readonly arguments: FieldTable;
}

/** A binding in force. Two are the same where source, destination, key and arguments are. */
export class Binding {
  readonly source: Exchange;
  readonly destination: Destination;
  readonly routingKey: string;
  readonly arguments: FieldTable;
  /** Identity among the bindings of one source. */
  readonly id: string;
  /** Who made it. */
  readonly payer: Payer;
  /** What it weighs in the payer's accounts. */
  readonly accountedBytes: number;

  constructor(source: Exchange, destination: Destination, routingKey: string, args: FieldTable, payer: Payer) {
    this.source = source;
    this.destination = destination;
    this.routingKey = routingKey;
    this.arguments = args;
    this.id = bindingId(destination.kind, destination.name, routingKey, args);
    this.payer = payer;
    this.accountedBytes = bindingBytes(this.id, source.type, routingKey, args);
  }

  /** A binding survives a restart where both its ends do. */
  get durable(): boolean {
    return this.source.durable && this.destination.durable && !this.destination.exclusive;
  }
}

/** The identity of a binding below its source exchange. */
export function bindingId(
  kind: "queue" | "exchange",
  destination: string,
  routingKey: string,
  args: FieldTable,
): string {
  return JSON.stringify([kind, destination, routingKey, args.length === 0 ? "" : fieldTableText(args)]);
}
