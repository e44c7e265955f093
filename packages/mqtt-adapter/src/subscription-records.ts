import type { Lsn } from "@jackalope/core/adapter";
import type { SessionState } from "./session-state.ts";
import type { SharedQueues } from "./shared-queues.ts";
import type { Subscription } from "./subscription.ts";

/** The kind of the records; their names are JSON arrays of client id and filter. */
export const subscriptionRecordKind = "mqtt-subscription";

/** What a record holds; the filter is in its name. */
type SubscriptionRecord = Omit<Subscription, "filter">;

function recordName(state: SessionState, filter: string): string {
  return JSON.stringify([state.clientId, filter]);
}

/** Stores a subscription of a persistent session. */
export function storeSubscription(state: SessionState, subscription: Subscription): Lsn {
  const { filter, ...record } = subscription;
  const value = Buffer.from(JSON.stringify(record satisfies SubscriptionRecord));
  return state.host.records.put(subscriptionRecordKind, recordName(state, filter), value);
}

/** Removes the record of a subscription. */
export function forgetSubscription(state: SessionState, filter: string): Lsn {
  return state.host.records.put(subscriptionRecordKind, recordName(state, filter), null);
}

/** Takes a stored subscription over into its session. */
export function restoreSubscription(
  state: SessionState,
  filter: string,
  value: Uint8Array,
  shared: SharedQueues,
): void {
  const record = JSON.parse(Buffer.from(value).toString()) as SubscriptionRecord;
  state.addSubscription({ filter, ...record });
  if (record.shared !== null) shared.join(filter, state);
}

/**
 * A session ends: its queue goes with the messages in it, and so do its subscriptions, one in each step. The record of the
 * session is gone already, so a start after a crash in between removes the rest.
 */
export function* endingSubscriptions(state: SessionState, shared: SharedQueues): Generator<void, void> {
  state.cancelFeeds();
  const { queue } = state;
  state.queue = null;
  if (queue !== null && !queue.deleted) state.host.topology.removeQueue(queue);
  for (const { filter, shared: sharedFilter } of [...state.subscriptions]) {
    state.deleteSubscription(filter);
    if (sharedFilter !== null) shared.leave(filter, state);
    if (state.persistent) forgetSubscription(state, filter);
    yield;
  }
  state.weigh();
}
