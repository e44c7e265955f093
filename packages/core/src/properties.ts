import type { FieldTable } from "./field-value.ts";

/**
 * What a message says about itself, in neutral terms. The set is AMQP 0-9-1's basic properties; headers carry what the
 * other protocols add. A property that the sender did not set is absent.
 */
export interface Properties {
  contentType?: string;
  contentEncoding?: string;
  headers?: FieldTable;
  /** 2 is persistent; every other value is transient. */
  deliveryMode?: number;
  priority?: number;
  correlationId?: string;
  replyTo?: string;
  /** Milliseconds as decimal text, AMQP's form. */
  expiration?: string;
  messageId?: string;
  /** Seconds since the epoch. */
  timestamp?: bigint;
  type?: string;
  userId?: string;
  appId?: string;
  clusterId?: string;
}
