import type { Payer } from "./account/payer.ts";
import type { Binding, BindingSpec } from "./exchange/binding.ts";
import type { Exchange, ExchangeSpec } from "./exchange/exchange.ts";
import { fieldTableFromJson, fieldTableText, fieldTableToJson, type JsonField } from "./field-table-text.ts";
import type { Queue, QueueSpec } from "./queue/queue.ts";

/**
 * How topology stands in the storage engine: keys are JSON arrays of names, so that no name needs escaping, values are
 * JSON objects. Users and permissions do the same in auth/user-records.ts.
 */
export type DefinitionKey = readonly [kind: string, ...names: string[]];

/** The stored text of a key. */
export function definitionKey(...key: DefinitionKey): string {
  return JSON.stringify(key);
}

/** Reads a key back. */
export function parseDefinitionKey(text: string): DefinitionKey {
  return JSON.parse(text) as DefinitionKey;
}

/** The stored bytes of a value. */
export function definitionValue(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

/** Who made it; definitions of older versions do not say it. */
interface MadeBy {
  readonly madeBy?: string;
}

interface QueueRecord extends MadeBy {
  readonly id: number;
  readonly autoDelete: boolean;
  readonly arguments: readonly JsonField[];
  /** `QueueSpec.reservedFor`; missing for everybody's. */
  readonly user?: string;
  /** What older versions wrote in place of `madeBy`. */
  readonly declaredBy?: string;
}

interface ExchangeRecord extends MadeBy {
  readonly type: string;
  readonly autoDelete: boolean;
  readonly internal: boolean;
  readonly arguments: readonly JsonField[];
}

interface BindingRecord extends MadeBy {
  readonly arguments: readonly JsonField[];
}

function madeBy(payer: Payer | null): MadeBy {
  return payer === null || payer.userName === "" ? {} : { madeBy: payer.userName };
}

export function queueKey(virtualHost: string, name: string): string {
  return definitionKey("queue", virtualHost, name);
}

export function queueValue(queue: Queue): Uint8Array {
  const record: QueueRecord = {
    id: queue.id,
    autoDelete: queue.autoDelete,
    arguments: fieldTableToJson(queue.arguments),
    ...(queue.reservedFor === null ? {} : { user: queue.reservedFor }),
    ...madeBy(queue.payer),
  };
  return definitionValue(record);
}

/** Reads a queue definition back. */
export function parseQueue(value: Uint8Array): { id: number; spec: QueueSpec; madeBy: string } {
  const record = JSON.parse(Buffer.from(value).toString()) as QueueRecord;
  const args = fieldTableFromJson(record.arguments);
  const { id, autoDelete, user: reservedFor = null, declaredBy = "", madeBy = declaredBy } = record;
  const spec = { durable: true, exclusive: false, autoDelete, arguments: args, reservedFor };
  return { id, spec, madeBy };
}

export function exchangeKey(virtualHost: string, name: string): string {
  return definitionKey("exchange", virtualHost, name);
}

export function exchangeValue(exchange: Exchange): Uint8Array {
  const record: ExchangeRecord = {
    type: exchange.type,
    autoDelete: exchange.autoDelete,
    internal: exchange.internal,
    arguments: fieldTableToJson(exchange.arguments),
    ...madeBy(exchange.payer),
  };
  return definitionValue(record);
}

/** Reads an exchange definition back. */
export function parseExchange(value: Uint8Array): { spec: ExchangeSpec; madeBy: string } {
  const { type, autoDelete, internal, ...rest } = JSON.parse(Buffer.from(value).toString()) as ExchangeRecord;
  const spec = { type, autoDelete, internal, durable: true, arguments: fieldTableFromJson(rest.arguments) };
  return { spec, madeBy: rest.madeBy ?? "" };
}

export function bindingKey(virtualHost: string, binding: Binding): string {
  const { source, destination, routingKey } = binding;
  const names = [virtualHost, source.name, destination.kind, destination.name, routingKey];
  return definitionKey("binding", ...names, fieldTableText(binding.arguments));
}

export function bindingValue(binding: Binding): Uint8Array {
  const record: BindingRecord = { arguments: fieldTableToJson(binding.arguments), ...madeBy(binding.payer) };
  return definitionValue(record);
}

/** Reads a binding definition back. */
export function parseBinding(key: DefinitionKey, value: Uint8Array): { spec: BindingSpec; madeBy: string } {
  const [, , source = "", kind, destination = "", routingKey = ""] = key;
  const record = JSON.parse(Buffer.from(value).toString()) as BindingRecord;
  const spec: BindingSpec = {
    source,
    destination,
    destinationKind: kind === "exchange" ? "exchange" : "queue",
    routingKey,
    arguments: fieldTableFromJson(record.arguments),
  };
  return { spec, madeBy: record.madeBy ?? "" };
}
