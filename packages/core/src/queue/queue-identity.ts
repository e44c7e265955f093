import type { Payer } from "../account/payer.ts";
import type { FieldTable } from "../field-value.ts";
import type { QueueArguments } from "./queue-arguments.ts";
import type { QueueOwner } from "./queue-host.ts";

/** What a client may ask for when it declares a queue. */
export interface QueueSpec {
  readonly durable: boolean;
  readonly exclusive: boolean;
  readonly autoDelete: boolean;
  readonly arguments: FieldTable;
  /** The user whose clients alone may have it: an MQTT session, a durable STOMP subscription. Default: everybody. */
  readonly reservedFor?: string | null;
}

/** What makes one queue: identity, declaration, and the connection that owns it where it is exclusive. */
export interface QueueIdentity {
  readonly id: number;
  readonly name: string;
  readonly spec: QueueSpec;
  readonly options: QueueArguments;
  readonly owner: QueueOwner | null;
  /** Who made it. */
  readonly payer: Payer;
}
