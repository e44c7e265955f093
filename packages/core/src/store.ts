import type { Alarms } from "./alarms.ts";
import type { Clock } from "./clock.ts";
import type { Containment } from "./containment.ts";
import type { Deadline } from "./deadline.ts";
import { DurabilityPromises } from "./durability-promises.ts";
import type { Limits } from "./limits.ts";
import type { Logger } from "./logger.ts";
import type { Message } from "./message.ts";
import { Ownership } from "./ownership.ts";
import type { QueueEntry } from "./queue/queue-entry.ts";
import type { SpillArea, SpillListener, SpillPosition } from "./spill-area.ts";
import type { Lsn, StorageEngine, StorageListener } from "./storage-engine.ts";
import type { Turn, TurnTask } from "./turn.ts";

/** Told whenever the durable watermark moved. */
export interface DurabilityWaiter {
  durableAdvanced(durable: Lsn): void;
  /** `durableAdvanced` threw, and the waiter is told nothing more: ends what waits. */
  durabilityFailed(error: unknown): void;
}

/** What the store has of its broker. */
export interface StoreParts {
  readonly limits: Limits;
  readonly clock: Clock;
  readonly turn: Turn;
  readonly alarms: Alarms;
  readonly logger: Logger;
  readonly containment: Containment;
}

/** What a publisher waits for. */
export type PublisherHold = "store" | "spill";

/** Message bytes after which a flush does not wait for the end of the turn. */
const flushBytes = 64 * 1024;
/** More entries than come in years, and a small integer. */
const entriesNever = 2 ** 30;

/**
 * The broker's side of the storage seam: sees to one flush a turn, wakes who waits for the watermark, holds publishers
 * back while too much is not durable yet, and raises the disk alarm while the engine cannot write.
 */
export class Store implements StorageListener, SpillListener, TurnTask {
  readonly engine: StorageEngine;
  /** Null where what the engine does not keep stays in memory. */
  readonly spillArea: SpillArea | null;
  readonly ownership: Ownership;
  /** What the windows of all queues hold in memory. Kept by the ready lists. */
  windowBytes = 0;
  /**
   * Native properties and bodies that queues hold in memory, ready or unacknowledged, each message once whatever the number
   * of its queues. What is behind a window and in the engine does not count.
   */
  messageBytes = 0;
  readonly limits: Limits;
  readonly clock: Clock;
  /** For what is called back by the engine. */
  readonly containment: Containment;
  readonly #turn: Turn;
  readonly #alarms: Alarms;
  readonly #logger: Logger;
  readonly #waiters = new Set<DurabilityWaiter>();
  readonly #promises: DurabilityPromises;
  readonly #held = new Map<() => void, PublisherHold>();
  #flushAsked = false;
  /** Something was handed to the engine since a publisher was last looked at. */
  #wrote = false;
  /** Something was spilled since then. */
  #spilled = false;
  #failing = false;
  #inGroup = false;
  /** Message bytes appended in this turn since the last flush. */
  #unflushedBytes = 0;
  /** The time at the first append of this turn, 0 before it. */
  #turnMs = 0;
  /** Asked for by `onceFilled`, null where nobody waits. */
  #fillTask: TurnTask | null = null;
  #fillBytes = Number.POSITIVE_INFINITY;
  #fillEntries = entriesNever;

  constructor(engine: StorageEngine, spillArea: SpillArea | null, parts: StoreParts) {
    this.engine = engine;
    this.spillArea = spillArea;
    this.limits = parts.limits;
    this.clock = parts.clock;
    this.containment = parts.containment;
    this.#turn = parts.turn;
    this.#promises = new DurabilityPromises(parts.turn);
    this.#alarms = parts.alarms;
    this.#logger = parts.logger;
    this.ownership = new Ownership(parts.clock, parts.turn, parts.logger, parts.containment);
  }

  /** False while the engine reports that it cannot write, or may belong to another broker. */
  get healthy(): boolean {
    return !this.#failing && this.ownership.certain;
  }

  /** An entry of a queue holds its message from now on. `alone`: nobody else does, or will. */
  hold(entry: QueueEntry, alone: boolean): void {
    if (alone) {
      entry.aloneBytes = entry.message.memoryBytes;
      this.#hold(entry.aloneBytes);
    } else this.holdShared(entry.message);
    if (--this.#fillEntries === 0) this.#filled();
  }

  /** The entry is done with, or only a row from now on. */
  letGo(entry: QueueEntry): void {
    const { aloneBytes } = entry;
    // Its message may not have been looked at for long: fetching it from memory is the most of an acknowledgement.
    if (aloneBytes >= 0) this.messageBytes -= aloneBytes;
    else this.letGoShared(entry.message);
  }

  /** As `hold`, for what is no entry. */
  holdShared(message: Message): void {
    if (message.holders++ === 0) this.#hold(message.memoryBytes);
  }

  letGoShared(message: Message): void {
    if (--message.holders === 0) this.messageBytes -= message.memoryBytes;
  }

  #hold(bytes: number): void {
    this.messageBytes += bytes;
    if (this.messageBytes > this.#fillBytes) this.#filled();
  }

  /**
   * Ends `task` with the turn in which so much more than now is held, in message bytes or in entries; once. A flood may keep
   * every timer from running, and not the end of a turn.
   */
  onceFilled(moreBytes: number, moreEntries: number, task: TurnTask): void {
    this.#fillTask = task;
    this.#fillBytes = this.messageBytes + moreBytes;
    this.#fillEntries = moreEntries;
  }

  #filled(): void {
    this.#fillBytes = Number.POSITIVE_INFINITY;
    this.#fillEntries = entriesNever;
    if (this.#fillTask !== null) this.#turn.storageDirty(this.#fillTask);
    this.#fillTask = null;
  }

  /** Stores a message that came in this turn. */
  append(queueIds: readonly number[], message: Message): void {
    // One look at the clock a turn: at half a million messages a second it shows in the profile otherwise.
    if (this.#turnMs === 0) this.#turnMs = this.clock.nowMs();
    message.publishedAtMs = this.#turnMs;
    message.lsn = this.engine.append(queueIds, message);
    this.#wrote = true;
    if (!this.#flushAsked) this.#askFlush();
    // A turn may bring megabytes: the disk begins while the rest of them is still being read.
    this.#unflushedBytes += message.sizeBytes;
    if (this.#unflushedBytes > flushBytes && !this.#inGroup) {
      this.#unflushedBytes = 0;
      this.engine.flush();
    }
  }

  /** Hands a message to the spill area, which there has to be, for one queue. */
  spill(message: Message): SpillPosition {
    const area = this.spillArea as SpillArea;
    const position = area.append(message);
    this.#spilled = true;
    if (!this.#flushAsked) this.#askFlush();
    return position;
  }

  settle(queueId: number, lsn: Lsn): void {
    this.engine.settle(queueId, lsn);
    if (!this.#flushAsked) this.#askFlush();
  }

  put(key: string, value: Uint8Array | null): Lsn {
    const lsn = this.engine.put(key, value);
    this.#wrote = true;
    if (!this.#flushAsked) this.#askFlush();
    return lsn;
  }

  /** As the engine's `atomic`; a group inside a group is part of it. */
  atomic(writes: () => void): Lsn {
    if (this.#inGroup) {
      writes();
      return this.engine.durable;
    }
    this.#inGroup = true;
    try {
      return this.engine.atomic(writes);
    } finally {
      this.#inGroup = false;
      if (!this.#flushAsked) this.#askFlush();
    }
  }

  /** Resolves when everything up to `lsn` is durable. For topology and transactions, never for a message. */
  whenDurable(lsn: Lsn): Promise<void> {
    if (lsn <= this.engine.durable) return Promise.resolve();
    return this.#promises.add(lsn);
  }

  /** Calls `waiter` at every move of the watermark until `ignore`. */
  await(waiter: DurabilityWaiter): void {
    this.#waiters.add(waiter);
  }

  ignore(waiter: DurabilityWaiter): void {
    this.#waiters.delete(waiter);
  }

  /** True where publishers have to wait for the medium: `undurableBytesMax`. */
  get publishersHeld(): boolean {
    return this.engine.pendingBytes > this.limits.undurableBytesMax;
  }

  /**
   * Asked right after a client's publishes, and answered by what they came to: those that were stored wait for the store
   * (`undurableBytesMax`), those that were spilled for the spill area (`spillPendingBytesMax`). Whose messages went
   * straight to consumers, or found room in a window, waits for neither.
   */
  holdsPublisher(): PublisherHold | null {
    const wrote = this.#wrote;
    const spilled = this.#spilled;
    this.#wrote = false;
    this.#spilled = false;
    if (wrote && this.publishersHeld) return "store";
    return spilled && this.isHeld("spill") ? "spill" : null;
  }

  /** Calls `run` once when publishers that `hold` holds may go on. Returns the cancellation. */
  whenPublishersFree(run: () => void, hold: PublisherHold = "store"): () => void {
    this.#held.set(run, hold);
    return () => this.#held.delete(run);
  }

  /** True while publishers have to wait for what `hold` says. */
  isHeld(hold: PublisherHold): boolean {
    if (hold === "store") return this.publishersHeld;
    return this.spillArea !== null && this.spillArea.pendingBytes > this.limits.spillPendingBytesMax;
  }

  durable(): void {
    const durable = this.engine.durable;
    for (const waiter of this.#waiters) this.#tell(waiter, durable);
    this.#promises.advanced(durable);
    this.#freeHeld();
  }

  #tell(waiter: DurabilityWaiter, durable: Lsn): void {
    try {
      waiter.durableAdvanced(durable);
    } catch (error) {
      this.#waiters.delete(waiter);
      this.containment.failed("storage", error);
      this.containment.run("storage", () => waiter.durabilityFailed(error));
    }
  }

  #freeHeld(): void {
    for (const [run, hold] of [...this.#held]) {
      if (this.isHeld(hold)) continue;
      this.#held.delete(run);
      this.containment.run("storage", run);
    }
  }

  spillWritten(): void {
    this.#freeHeld();
  }

  spillFailed(error: Error): void {
    const fields = { error: error.message };
    this.#logger.error(fields, "the spill folder cannot be written: publishers are blocked, backlogs stay in memory");
    this.#alarms.set("disk", "spill", true);
  }

  spillRecovered(): void {
    this.#logger.info({}, "the spill folder can be written again");
    this.#alarms.set("disk", "spill", false);
  }

  failed(error: Error): void {
    this.#failing = true;
    const until = this.engine.remote ? " when too much waits for it" : "";
    this.#logger.error(
      { engine: this.engine.name, error: error.message },
      `the store cannot write: publishers are blocked${until}`,
    );
    if (!this.engine.remote) this.#block();
  }

  recovered(): void {
    this.#failing = false;
    this.#logger.info({ engine: this.engine.name }, "the store writes again");
    this.#alarms.set("disk", "storage", false);
  }

  ownedUntil(end: Deadline): void {
    this.ownership.renewed(end);
  }

  broken(error: unknown): void {
    this.#block();
    this.containment.broken("the store failed by a fault of its own", error);
  }

  ownershipLost(): void {
    this.ownership.lost();
  }

  endTurn(): void {
    this.#flushAsked = false;
    this.#turnMs = 0;
    this.#unflushedBytes = 0;
    try {
      this.engine.flush();
    } catch (error) {
      // A part may be written and a part not: what comes after it could be told as durable and is not.
      this.containment.broken("the store failed while it was given the writes of a turn", error);
    }
    this.#flushSpillArea();
    if (this.#failing && this.publishersHeld) this.#block();
  }

  #flushSpillArea(): void {
    try {
      this.spillArea?.flush();
    } catch (error) {
      // It promises nothing beyond the process, and has what was not written.
      this.containment.failed("storage", error);
    }
  }

  #block(): void {
    this.#alarms.set("disk", "storage", true);
  }

  #askFlush(): void {
    this.#flushAsked = true;
    this.#turn.storageDirty(this);
  }
}
