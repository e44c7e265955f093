import { inBackgroundSlices, type Logger, type Lsn, type VirtualHost } from "@jackalope/core/adapter";
import { MqttError } from "./mqtt-error.ts";
import type { MqttLimits } from "./options.ts";
import { removePacketRecords } from "./packet-records.ts";
import { reasonCodes } from "./reason-codes.ts";
import { sessionBytes } from "./session-bytes.ts";
import type { Session } from "./session.ts";
import { forgetSession } from "./session-record.ts";
import { restoreSessions } from "./session-restore.ts";
import { SessionState } from "./session-state.ts";
import type { SharedQueues } from "./shared-queues.ts";
import { endingSubscriptions } from "./subscription-records.ts";
import type { Will } from "./will.ts";

/** What CONNECT says of the session. */
export interface SessionRequest {
  readonly clientId: string;
  readonly userName: string;
  readonly cleanStart: boolean;
  readonly expirySeconds: number;
  readonly will: Will | null;
}

/** A session for a connection, and whether it was there before. */
export interface OpenedSession {
  readonly state: SessionState;
  readonly present: boolean;
  /** The session is as durable as it promises from here on. */
  readonly lsn: Lsn;
}

export interface SessionRegistryParts {
  readonly host: VirtualHost;
  readonly shared: SharedQueues;
  readonly limits: MqttLimits;
  readonly logger: Logger;
  /** Publishes a will in the name of the session's user, where that may do so by now. */
  readonly publishWill: (will: Will, state: SessionState) => void;
  /** True where a user may have what another one left. */
  readonly mayTakeOver: (ownerName: string, userName: string) => boolean;
}

/**
 * The sessions of one virtual host by client id, connected or not.
 *
 *     connected -> waiting -> connected
 *         |           |-> ended            after its expiry, or by a clean start
 *         |-> ended                        an expiry of 0
 */
export class SessionRegistry {
  readonly #parts: SessionRegistryParts;
  readonly #states: Map<string, SessionState>;
  /** Sessions that have ended and have subscriptions left to take out, by client id. */
  readonly #ending = new Map<string, Promise<void>>();
  /** The virtual host is gone. */
  #cleared = false;

  /** Takes up what was stored before the start. */
  constructor(parts: SessionRegistryParts) {
    const { host, shared, logger } = parts;
    this.#parts = parts;
    this.#states = restoreSessions(host, shared);
    if (this.#states.size > 0) logger.info({ vhost: host.name, sessions: this.#states.size }, "MQTT sessions restored");
    for (const state of [...this.#states.values()]) {
      // Connected when the broker died: that was the end of the connection.
      if (state.disconnectedAtMs === 0) this.disconnected(state, true);
      else this.#goOn(state);
    }
  }

  /** Sessions, connected or not. */
  get size(): number {
    return this.#states.size;
  }

  /** The session of a client, connected or not. */
  get(clientId: string): SessionState | undefined {
    return this.#states.get(clientId);
  }

  /** All sessions, connected or not. */
  [Symbol.iterator](): IterableIterator<SessionState> {
    return this.#states.values();
  }

  /**
   * The session that a connection asks for. Another connection with the same client id is sent away first, so nobody else
   * has a hand in the session any more. Throws 0x85 where the client id is another user's, and 0x97 where there are too
   * many sessions.
   */
  open(session: Session, request: SessionRequest): OpenedSession {
    const { clientId, userName, expirySeconds, will } = request;
    if (this.whenFree(request) !== undefined) throw new Error("the session is not free yet");
    let state = this.#states.get(clientId);
    const present = state !== undefined;
    if (state === undefined) state = this.#make(clientId, userName, expirySeconds > 0);
    state.session = session;
    state.expirySeconds = expirySeconds;
    state.disconnectedAtMs = 0;
    // [MQTT-3.1.3-9] a will that was waiting is not sent any more.
    state.will = will;
    state.willDueAtMs = 0;
    state.weigh();
    this.#schedule(state);
    return { state, present, lsn: state.save() };
  }

  /**
   * Sends away another connection with this client id, and ends a session that is not to go on. A promise where that has
   * much to give back: ask again then, and `open` when there is none. Throws 0x85 where the client id is another user's.
   */
  whenFree(request: SessionRequest): Promise<void> | undefined {
    const { clientId, userName, cleanStart } = request;
    const known = this.#states.get(clientId);
    if (known === undefined) return this.#ending.get(clientId);
    if (!this.#parts.mayTakeOver(known.userName, userName)) {
      throw new MqttError(reasonCodes.clientIdentifierNotValid, "MQTT-3.1.3-8", "the client id is another user's");
    }
    // [MQTT-3.1.4-3]
    known.session?.takenOver();
    if (known.leaving !== null) return known.leaving;
    // [MQTT-3.1.2-4]; and what another user subscribed to is not for this one to read.
    const goesOn = !cleanStart && known.userName === userName;
    if (!goesOn && this.#states.get(clientId) === known) this.#end(known);
    return this.#ending.get(clientId);
  }

  /** The connection of a session is gone, and everything that it had from the broker is given back. */
  disconnected(state: SessionState, wantsWill: boolean): void {
    const nowMs = this.#parts.host.store.clock.nowMs();
    state.session = null;
    if (state.ended) return;
    state.disconnectedAtMs = nowMs;
    // [MQTT-3.14.4-3]
    if (!wantsWill) state.will = null;
    state.weigh();
    if (state.will !== null) state.willDueAtMs = nowMs + state.will.delaySeconds * 1000;
    state.inFlightReturned();
    this.#goOn(state);
  }

  /** Timers only: what waits goes on after the next start. */
  close(): void {
    for (const state of this.#states.values()) {
      state.timer?.cancel();
      state.timer = null;
    }
  }

  /** Ends every session; the virtual host is being deleted, so nobody would get a will. */
  endingAll(): Generator<void | Promise<unknown>, void> {
    this.#cleared = true;
    return this.#endingEach();
  }

  *#endingEach(): Generator<void | Promise<unknown>, void> {
    for (const state of this.#states.values()) {
      state.will = null;
      this.#end(state);
      yield this.#ending.get(state.clientId);
    }
  }

  #make(clientId: string, userName: string, persistent: boolean): SessionState {
    const { host, limits } = this.#parts;
    if (this.#states.size >= limits.sessionsMax) {
      const text = `the virtual host has ${limits.sessionsMax} sessions already`;
      throw new MqttError(reasonCodes.quotaExceeded, "MQTT-3.1.4-2", text);
    }
    const payer = host.payer(userName);
    // One that ends with its connection is no more of a definition than that.
    if (persistent) payer.admitDefinition(sessionBytes(clientId), "the session is not made");
    else payer.admit(sessionBytes(clientId), "the session is not made");
    const state = new SessionState({ clientId, host, persistent, userName });
    this.#states.set(clientId, state);
    return state;
  }

  /** Does what is due for a session without a client, and stores what has changed with it. */
  #goOn(state: SessionState): void {
    if (!state.persistent) return this.#whenDue(state);
    // In one piece: after a crash a will is either published or still to come.
    this.#parts.host.store.atomic(() => {
      this.#whenDue(state);
      state.save();
    });
  }

  /** Sends the will that is due and ends the session that is over; what is not due yet is looked at again then. */
  #whenDue(state: SessionState): void {
    const nowMs = this.#parts.host.store.clock.nowMs();
    if (state.expiresAtMs <= nowMs) {
      this.#end(state);
      return;
    }
    if (state.will !== null && state.willDueAtMs <= nowMs) this.#sendWill(state);
    this.#schedule(state);
  }

  #schedule(state: SessionState): void {
    const { clock } = this.#parts.host.store;
    state.timer?.cancel();
    state.timer = null;
    if (state.session !== null) return;
    const dueAtMs = state.will === null ? state.expiresAtMs : Math.min(state.willDueAtMs, state.expiresAtMs);
    if (dueAtMs === Number.POSITIVE_INFINITY) return;
    state.timer = clock.after(dueAtMs - clock.nowMs(), () => this.#goOn(state));
  }

  #sendWill(state: SessionState): void {
    const { will } = state;
    state.will = null;
    state.willDueAtMs = 0;
    state.weigh();
    if (will === null) return;
    const { host, publishWill } = this.#parts;
    const { ownership } = host.store;
    // One that is stored may have been sent by another broker.
    if (!state.persistent || ownership.check()) publishWill(will, state);
    else
      ownership.whenCertain(() => {
        if (!this.#cleared) publishWill(will, state);
      });
  }

  /** A will and a session that end together do so in one piece. */
  #end(state: SessionState): void {
    const { host, shared } = this.#parts;
    state.timer?.cancel();
    state.timer = null;
    this.#states.delete(state.clientId);
    const begun: (void | Promise<void>)[] = [];
    host.store.atomic(() => {
      // 3.1.3.2.2: the will is sent at the latest when the session ends.
      this.#sendWill(state);
      state.ended = true;
      if (state.persistent) {
        removePacketRecords(state);
        forgetSession(state);
      }
      begun.push(inBackgroundSlices(host.turn, endingSubscriptions(state, shared)));
    });
    const [rest] = begun;
    if (!(rest instanceof Promise)) return;
    const ending = rest.finally(() => this.#ending.delete(state.clientId));
    this.#ending.set(state.clientId, ending);
    host.store.containment.watch("session", ending);
  }
}
