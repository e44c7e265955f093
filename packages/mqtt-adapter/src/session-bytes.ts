import type { Subscription } from "./subscription.ts";
import type { Will } from "./will.ts";

/**
 * What sessions cost in memory, about, with the embedded engine, which keeps a key and a place of about 200 bytes for each
 * record. Queues and bindings are the core's to count. test/broker/topology-bytes.test.ts measures sessions, subscriptions
 * and packet identifiers, and compares; a will is worked out from its parts.
 */
const sessionBytesEach = 1400;
const subscriptionBytesEach = 750;
/** One level of a filter in the tree that a session finds its subscriptions by. */
const levelBytesEach = 235;
const willBytesEach = 400;
/** The packet identifier of a QoS 2 publish whose PUBREL has not come, with its record. */
export const receivedBytesEach = 400;
/** The record of a QoS 2 delivery under way. */
export const sentBytesEach = 300;
/** A packet identifier that was in use for a delivery, and its place in the ring. */
export const flightBytesEach = 130;

/** A session without anything in it. */
export function sessionBytes(clientId: string): number {
  return sessionBytesEach + 6 * Buffer.byteLength(clientId);
}

/** A subscription with its record; the binding is not in it. */
export function subscriptionBytes({ filter }: Subscription): number {
  const levels = filter.split("/").length;
  return subscriptionBytesEach + levels * levelBytesEach + 3 * Buffer.byteLength(filter);
}

/** A will that waits. */
export function willBytes(will: Will | null): number {
  if (will === null) return 0;
  return willBytesEach + 2 * Buffer.byteLength(will.topic) + will.native.length + will.body.length;
}
