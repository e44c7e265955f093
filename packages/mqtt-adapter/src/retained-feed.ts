import {
  keyOfTopic,
  Message,
  type Queue,
  Route,
  type Timer,
  topicIsPlain,
  type TurnWaiter,
  type VirtualHost,
} from "@jackalope/core/adapter";
import { mqttFormat, type Qos } from "./mapping.ts";
import { exactTopicProperty } from "./private-properties.ts";
import { propertyIds } from "./property-ids.ts";
import type { Retained } from "./retained-record.ts";
import type { RetainedSearch, RetainedStore } from "./retained-store.ts";
import type { Subscription } from "./subscription.ts";
import type { SystemTopics } from "./system-topics.ts";
import { variableByteIntegerBytes, writeVariableByteInteger } from "./variable-byte-integer.ts";

/** A new subscription and what it is to get. */
export interface FeedParts {
  readonly host: VirtualHost;
  /** The session's. */
  readonly queue: Queue;
  readonly subscription: Pick<Subscription, "filter" | "qos" | "noLocal" | "id">;
  readonly retained: RetainedStore;
  readonly systemTopics?: SystemTopics | null;
  /** As `RetainedStore.sequence` was when the subscription came into force; what came later it got by itself. */
  readonly sequenceMax?: number;
  /** The session's: a subscription without local messages does not get those of this origin. */
  readonly originId?: number;
}

/** What a step has come to: the next can follow at once, something else has to happen first, or there is none left. */
type StepResult = "more" | "waits" | "done";

/** A feed that is short had better not wait for whole turns of those that are long. */
const stepsPerTurn = 128;

/** Ready messages of the queue from which on the feed waits for the client to take some. */
const readyMessagesMax = 2048;
const readyBytesMax = 1024 * 1024;
const waitMsMin = 2;
const waitMsMax = 500;

/**
 * Sends the retained messages that match a new subscription: into the session's queue, so that they keep their place
 * before what comes later and a persistent session does not lose them, and bit by bit, so that a hundred thousand of
 * them neither fill the queue nor keep other clients waiting. It begins in a later turn.
 */
export class RetainedFeed implements TurnWaiter {
  readonly #parts: FeedParts;
  readonly #found: Iterator<Retained | null>;
  readonly #readyMax: number;
  #timer: Timer | null = null;
  #waitMs = waitMsMin;
  /** True where the last look found room in the queue. */
  #moved = false;
  #ended = false;
  #whenDone: (() => void) | null = null;
  #whenLong: (() => void) | null = null;

  constructor(parts: FeedParts) {
    this.#parts = parts;
    this.#found = foundBy(parts);
    // What the queue holds at most is for new messages as well: they push out older ones, and these are old.
    const { lengthMax, transientLengthMax } = parts.queue.options;
    const bounds = [lengthMax, transientLengthMax].filter((bound) => bound >= 0);
    this.#readyMax = Math.max(1, Math.min(readyMessagesMax, ...bounds.map((bound) => bound >> 1)));
    parts.host.turn.wait(this);
  }

  /** Sends no more. What is in the queue stays there. */
  cancel(): void {
    this.#ended = true;
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** Calls `run` when everything has been sent, or the queue is gone; not after `cancel`. */
  whenDone(run: () => void): void {
    this.#whenDone = run;
  }

  /** Calls `run` where the first slice did not send everything. */
  whenLong(run: () => void): void {
    this.#whenLong = run;
  }

  takeTurn(): void {
    const { host, queue, retained } = this.#parts;
    if (this.#ended || retained.closed) return;
    if (queue.deleted) {
      this.#done();
      return;
    }
    // Another broker may have replaced what is retained here.
    const { ownership } = host.store;
    if (!ownership.check()) {
      ownership.whenCertain(() => host.turn.wait(this));
      return;
    }
    const result = this.#send();
    if (result === "more") host.turn.wait(this);
    if (result !== "done" && this.#whenLong !== null) {
      this.#whenLong();
      this.#whenLong = null;
    }
  }

  /** The client gets no more of what is retained, and everything else. */
  failed(): void {
    this.#done();
  }

  #send(): StepResult {
    const { budget } = this.#parts.host.turn;
    for (let step = 0; step < stepsPerTurn; step++) {
      const result = this.#step();
      if (result !== "more") return result;
      if (!budget.take()) break;
    }
    return "more";
  }

  #step(): StepResult {
    const { host, queue } = this.#parts;
    if (this.#queueIsFull()) return this.#wait();
    const next = this.#found.next();
    if (next.done === true) return this.#done();
    this.#moved = true;
    if (next.value !== null) host.publishTo([queue], this.#messageOf(next.value));
    return "more";
  }

  #queueIsFull(): boolean {
    const { ready } = this.#parts.queue;
    return ready.count >= this.#readyMax || ready.bodyBytes >= readyBytesMax;
  }

  #wait(): StepResult {
    const { host } = this.#parts;
    // A client that is away may stay away for days.
    this.#waitMs = this.#moved ? waitMsMin : Math.min(2 * this.#waitMs, waitMsMax);
    this.#moved = false;
    this.#timer = host.store.clock.after(this.#waitMs, () => {
      this.#timer = null;
      host.turn.wait(this);
    });
    return "waits";
  }

  #done(): StepResult {
    this.#ended = true;
    this.#whenDone?.();
    return "done";
  }

  #messageOf(found: Retained): Message {
    const { host, retained, subscription } = this.#parts;
    const { topic, body } = found;
    const plain = topicIsPlain(topic);
    const head = headOf(plain ? null : topic, subscription.id);
    const nativeBytes = head.length + found.native.length;
    const bytes = Buffer.allocUnsafe(nativeBytes + body.length);
    bytes.set(head, 0);
    bytes.set(found.native, head.length);
    bytes.set(body, nativeBytes);
    const qos = Math.min(found.format.qos, subscription.qos) as Qos;
    const route = new Route(retained.exchange, keyOfTopic(topic), plain ? null : topic);
    const message = new Message(route, mqttFormat(qos, "retained"), bytes, 0, nativeBytes, nativeBytes, bytes.length);
    message.owned = true;
    message.persistent = qos > 0;
    if (found.expirationMs >= 0) {
      // [MQTT-3.3.2-6] its life goes on where it stood, not anew with the subscription.
      const nowMs = host.store.clock.nowMs();
      message.expirationMs = Math.max(0, found.publishedAtMs + found.expirationMs - nowMs);
      message.publishedAtMs = nowMs;
    }
    return message;
  }
}

function foundBy(parts: FeedParts): Iterator<Retained | null> {
  const { retained, systemTopics, subscription } = parts;
  const originId = subscription.noLocal ? (parts.originId ?? 0) : 0;
  // Read now and not when the first slice runs.
  const sequenceMax = parts.sequenceMax ?? retained.sequence;
  return inTurn(retained, { filter: subscription.filter, sequenceMax, originId }, systemTopics ?? null);
}

function* inTurn(
  retained: RetainedStore,
  search: RetainedSearch,
  systemTopics: SystemTopics | null,
): Generator<Retained | null, void> {
  yield* retained.search(search);
  if (systemTopics !== null) yield* systemTopics.search(search.filter);
}

const noBytes = Buffer.alloc(0);

/** What stands before the publisher's properties: the topic where the key does not tell it, the subscription identifier. */
function headOf(topic: string | null, id: number): Buffer {
  if (topic === null && id === 0) return noBytes;
  const topicBytes = topic === null ? 0 : Buffer.byteLength(topic);
  const head = Buffer.allocUnsafe(
    (topic === null ? 0 : 3 + topicBytes) + (id === 0 ? 0 : 1 + variableByteIntegerBytes(id)),
  );
  let at = 0;
  if (topic !== null) {
    head[0] = exactTopicProperty;
    head.writeUInt16BE(topicBytes, 1);
    head.write(topic, 3);
    at = 3 + topicBytes;
  }
  if (id !== 0) {
    head[at] = propertyIds.subscriptionIdentifier;
    writeVariableByteInteger(head, at + 1, id);
  }
  return head;
}
