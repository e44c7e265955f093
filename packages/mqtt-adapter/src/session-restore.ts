import type { VirtualHost } from "@jackalope/core/adapter";
import { restorePacketRecords } from "./packet-records.ts";
import { type SessionRecord, sessionRecordKind } from "./session-record.ts";
import { SessionState } from "./session-state.ts";
import type { SharedQueues } from "./shared-queues.ts";
import { restoreSubscription, subscriptionRecordKind } from "./subscription-records.ts";
import { restoredWill } from "./will.ts";

/**
 * The sessions that were stored before the start, by client id and as they were then, with their queues, subscriptions and
 * packet identifiers. Records and shared queues that belong to none are removed. Call once a virtual host.
 */
export function restoreSessions(host: VirtualHost, shared: SharedQueues): Map<string, SessionState> {
  const states = new Map<string, SessionState>();
  const unread = host.records.claimEach(sessionRecordKind, (clientId, value) => {
    states.set(clientId, restoreSession(host, clientId, value));
  });
  const unreadSubscriptions = host.records.claimEach(subscriptionRecordKind, (name, value) => {
    const [clientId, filter] = JSON.parse(name) as [string, string];
    const state = states.get(clientId);
    if (state !== undefined) restoreSubscription(state, filter, value, shared);
    else if (!unread.includes(clientId)) host.records.put(subscriptionRecordKind, name, null);
  });
  restorePacketRecords(host, (clientId) => states.get(clientId), unread);
  for (const state of states.values()) state.weigh();
  // Nobody knows whose queues those are that stand in records which cannot be read.
  if (unread.length === 0 && unreadSubscriptions.length === 0) shared.sweep();
  return states;
}

function restoreSession(host: VirtualHost, clientId: string, value: Uint8Array): SessionState {
  const record = JSON.parse(Buffer.from(value).toString()) as SessionRecord;
  const state = new SessionState({ clientId, host, persistent: true, userName: record.user });
  state.expirySeconds = record.expirySeconds;
  state.disconnectedAtMs = record.disconnectedAtMs;
  state.will = record.will === undefined ? null : restoredWill(record.will);
  state.willDueAtMs = record.willDueAtMs ?? 0;
  state.queue = host.queues.get(state.queueName) ?? null;
  // Stored by a version that did not know of it.
  if (state.queue !== null) state.queue.reservedFor ??= record.user;
  state.weigh();
  return state;
}
