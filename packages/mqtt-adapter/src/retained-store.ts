import { inBackgroundSlices, type Lsn, type Message, Tab, type Timer, type VirtualHost } from "@jackalope/core/adapter";
import {
  decodeRetained,
  encodeRetained,
  packRecord,
  recordExpiresAtMs,
  type Retained,
  type RetainedRecord,
  retainedRecordBytes,
} from "./retained-record.ts";
import { TopicIndex } from "./topic-index.ts";

export type { Retained } from "./retained-record.ts";

/** The bounds of a store. */
export interface RetainedLimits {
  readonly retainedMessagesMax: number;
  readonly retainedBytesMax: number;
}

/** The message of one topic. */
class RetainedEntry {
  readonly topic: string;
  readonly record: RetainedRecord;
  readonly expiresAtMs: number;
  /** Place in the order of all that was retained here since the start. */
  readonly sequence: number;
  readonly originId: number;

  constructor(topic: string, record: RetainedRecord, expiresAtMs: number, sequence: number, originId: number) {
    this.topic = topic;
    this.record = record;
    this.expiresAtMs = expiresAtMs;
    this.sequence = sequence;
    this.originId = originId;
  }
}

/** Which messages a search is for. */
export interface RetainedSearch {
  readonly filter: string;
  /** Messages retained later than this are left out; see `RetainedStore.sequence`. */
  readonly sequenceMax: number;
  /** Messages with this origin are left out; 0 for none. */
  readonly originId: number;
}

const recordKind = "mqtt-retained";
/** About what a message takes beside its record, and a level of a topic in the index (test/broker/topology-bytes.test.ts). */
const messageBytes = 200;
const levelBytes = 115;
/** Expired messages are looked for no more often than this, however many run out. */
const sweepIntervalMs = 5000;

/**
 * The retained messages of one virtual host (MQTT 5, 3.3.1.3), in memory and in the storage engine. Messages that have
 * run out are never found; they are removed when somebody comes across them, and by a timer.
 */
export class RetainedStore {
  /** The topic exchange that topics are routing keys of. */
  readonly exchange: string;
  /** Nothing more is sent or removed. */
  closed = false;
  readonly #host: VirtualHost;
  readonly #limits: RetainedLimits;
  readonly #index = new TopicIndex<RetainedEntry>();
  readonly #expiring = new Set<RetainedEntry>();
  /** What they weigh, for the virtual host: nobody remembers who retained them. */
  readonly #tab: Tab;
  #recordBytes = 0;
  #sequence = 0;
  #sweep: Timer | null = null;
  #sweepAtMs = 0;

  /** Takes over what the engine has. */
  constructor(host: VirtualHost, exchange: string, limits: RetainedLimits) {
    this.#host = host;
    this.exchange = exchange;
    this.#limits = limits;
    this.#tab = new Tab(host.payer(""));
    host.records.whenCleared(() => this.clear());
    host.records.claimEach(recordKind, (topic, value) => {
      const record = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      // Read once, so that a record which cannot be is found here and not by a subscriber.
      decodeRetained(topic, record);
      this.#enter(topic, record, 0);
    });
  }

  get count(): number {
    return this.#index.size;
  }

  /** Memory that the messages take, about. */
  get bytes(): number {
    return this.#recordBytes + this.#index.size * messageBytes + this.#index.nodeCount * levelBytes;
  }

  /** Moves with every message that is retained. */
  get sequence(): number {
    return this.#sequence;
  }

  /** False where a message of this topic would pass a bound: the publisher is refused with 0x97, quota exceeded. */
  accepts(topic: string, message: Message): boolean {
    if (message.bodyBytes === 0) return true;
    const { retainedMessagesMax, retainedBytesMax } = this.#limits;
    const recordBytes = retainedRecordBytes(message);
    const replaced = this.#index.get(topic);
    if (replaced !== null) {
      const grownBytes = recordBytes - replaced.record.length;
      return grownBytes <= 0 || this.#fits(grownBytes, retainedBytesMax);
    }
    if (this.count >= retainedMessagesMax) return false;
    const newBytes = recordBytes + messageBytes + topic.split("/").length * levelBytes;
    return this.#fits(newBytes, retainedBytesMax);
  }

  #fits(newBytes: number, retainedBytesMax: number): boolean {
    return this.bytes + newBytes <= retainedBytesMax && this.#tab.payer.hasRoom(newBytes);
  }

  /**
   * Keeps `message` as the one of `topic`; one with an empty body removes it ([MQTT-3.3.1-6]). Returns the Lsn at which
   * that is durable. What `accepts` refuses is not kept.
   */
  set(topic: string, message: Message): Lsn {
    if (message.bodyBytes === 0) return this.#remove(topic);
    if (!this.accepts(topic, message)) return this.#host.store.engine.durable;
    // In the engine as well if it is QoS 0: the publisher was told nothing, but devices publish such states for years.
    const record = encodeRetained(message, this.#host.store.clock.nowMs());
    this.#enter(topic, record, message.originId);
    return this.#host.records.put(recordKind, topic, record);
  }

  /** The message of `topic`, null where there is none. */
  get(topic: string): Retained | null {
    const entry = this.#index.get(topic);
    return entry === null || this.#hasExpired(entry) ? null : decodeRetained(topic, entry.record);
  }

  /** The messages of all topics that `filter` matches. */
  *match(filter: string): Generator<Retained, void> {
    for (const found of this.search({ filter, sequenceMax: this.#sequence, originId: 0 })) {
      if (found !== null) yield found;
    }
  }

  /** As `match`, with a null for each step that finds nothing: a walk that can be left and taken up again. */
  *search({ filter, sequenceMax, originId }: RetainedSearch): Generator<Retained | null, void> {
    for (const entry of this.#index.search(filter)) {
      const wanted =
        entry !== null &&
        entry.sequence <= sequenceMax &&
        (originId === 0 || entry.originId !== originId) &&
        !this.#hasExpired(entry);
      yield wanted ? decodeRetained(entry.topic, entry.record) : null;
    }
  }

  /** Removes every message: the virtual host is being deleted. */
  clear(): Generator<void, void> {
    this.close();
    return this.#clearing();
  }

  *#clearing(): Generator<void, void> {
    const system = this.#index.firstLevels.filter((level) => level.startsWith("$"));
    for (const filter of ["#", ...system.map((level) => `${level}/#`)]) {
      for (const entry of this.#index.search(filter)) {
        if (entry !== null) this.#remove(entry.topic);
        yield;
      }
    }
  }

  /** Ends the timers and all work. The messages stay in the engine. */
  close(): void {
    this.#sweep?.cancel();
    this.#sweep = null;
    this.closed = true;
  }

  #enter(topic: string, record: Buffer, originId: number): void {
    this.#forget(topic);
    const expiresAtMs = recordExpiresAtMs(record);
    const entry = new RetainedEntry(topic, packRecord(record), expiresAtMs, ++this.#sequence, originId);
    this.#index.set(topic, entry);
    this.#recordBytes += record.length;
    this.#tab.set(this.bytes);
    if (expiresAtMs === 0) return;
    this.#expiring.add(entry);
    this.#watch(expiresAtMs);
  }

  #remove(topic: string): Lsn {
    if (this.#index.get(topic) === null) return this.#host.store.engine.durable;
    this.#forget(topic);
    this.#index.delete(topic);
    this.#tab.set(this.bytes);
    return this.#host.records.put(recordKind, topic, null);
  }

  #forget(topic: string): void {
    const entry = this.#index.get(topic);
    if (entry === null) return;
    this.#recordBytes -= entry.record.length;
    this.#expiring.delete(entry);
  }

  #hasExpired(entry: RetainedEntry): boolean {
    if (entry.expiresAtMs === 0 || entry.expiresAtMs > this.#host.store.clock.nowMs()) return false;
    this.#remove(entry.topic);
    return true;
  }

  #watch(expiresAtMs: number): void {
    if (this.#sweep !== null && this.#sweepAtMs <= expiresAtMs) return;
    this.#sweep?.cancel();
    const nowMs = this.#host.store.clock.nowMs();
    this.#sweepAtMs = Math.max(expiresAtMs, nowMs + sweepIntervalMs);
    this.#sweep = this.#host.store.clock.after(this.#sweepAtMs - nowMs, () => this.#removeExpired());
  }

  #removeExpired(): void {
    this.#sweep = null;
    const { turn, store } = this.#host;
    const sweeping = inBackgroundSlices(turn, this.#removingExpired());
    if (sweeping instanceof Promise) store.containment.watch("background", sweeping);
  }

  *#removingExpired(): Generator<void, void> {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const entry of this.#expiring) {
      if (this.closed) return;
      if (!this.#hasExpired(entry)) nextMs = Math.min(nextMs, entry.expiresAtMs);
      yield;
    }
    if (nextMs !== Number.POSITIVE_INFINITY) this.#watch(nextMs);
  }
}
