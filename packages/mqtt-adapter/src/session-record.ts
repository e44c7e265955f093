import type { Lsn } from "@jackalope/core/adapter";
import type { SessionState } from "./session-state.ts";
import { type StoredWill, storedWill } from "./will.ts";

/**
 * The kind of the records; their names are client ids. Subscriptions (subscription-records.ts) and packet identifiers
 * (packet-records.ts) have records of their own, which are nothing without this one.
 */
export const sessionRecordKind = "mqtt-session";

/** What a record holds. */
export interface SessionRecord {
  readonly user: string;
  readonly expirySeconds: number;
  /** 0 while the client is connected. */
  readonly disconnectedAtMs: number;
  readonly will?: StoredWill;
  /** 0 while the client is connected. */
  readonly willDueAtMs?: number;
}

/** Stores a session as it is now. Returns the Lsn at which that is durable. */
export function storeSession(state: SessionState): Lsn {
  const { userName: user, expirySeconds, disconnectedAtMs, will, willDueAtMs } = state;
  const record: SessionRecord = {
    user,
    expirySeconds,
    disconnectedAtMs,
    ...(will === null ? {} : { will: storedWill(will), willDueAtMs }),
  };
  return state.host.records.put(sessionRecordKind, state.clientId, Buffer.from(JSON.stringify(record)));
}

/** Removes the record of a session. */
export function forgetSession(state: SessionState): Lsn {
  return state.host.records.put(sessionRecordKind, state.clientId, null);
}
