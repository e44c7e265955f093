import type { Logger } from "../logger.ts";
import type { Message } from "../message.ts";
import type { Store } from "../store.ts";
import { EntryRing } from "./entry-ring.ts";
import { PagedRows } from "./paged-rows.ts";
import type { Queue } from "./queue.ts";
import { entryBytes, QueueEntry } from "./queue-entry.ts";
import { ReturnedHeap } from "./returned-heap.ts";

/** A row on its way back into memory. */
interface IncomingRow {
  readonly storedAt: number;
  readonly place: number;
  readonly expiresAtMs: number;
  readonly sizeBytes: number;
  readonly redelivered: boolean;
  readonly resident: QueueEntry | null;
}

const readRetryMs = 1000;
/** The next page is asked for when so many are left in the window: one is a few milliseconds of deliveries. */
const pagesAhead = 2;
const nothing: Promise<readonly Message[]> = Promise.resolve([]);

/**
 * The messages of one queue (and priority) that nobody holds, in order:
 *
 *     returned heap | window ring | incoming rows | paged rows
 *     requeued        in memory     being read      in the engine or the spill area
 *
 * What was requeued had been delivered, so its place is before everything in the window. The window is bounded in bytes
 * and messages; behind it messages are only rows: stored ones are read from the engine, others from the spill area. Without
 * one the others stay in memory, as rows that keep their entry in a queue that stores, and in the window elsewhere.
 */
export class ReadyList {
  readonly #queue: Queue;
  readonly #store: Store;
  readonly #logger: Logger;
  readonly #returned = new ReturnedHeap();
  readonly #window = new EntryRing();
  #windowBytes = 0;
  #incoming: IncomingRow[] = [];
  /** Its messages, counted with the window's from the moment on in which they are asked for. */
  #incomingBytes = 0;
  readonly #paged = new PagedRows();
  #count = 0;
  #bodyBytes = 0;
  #sifting = false;

  constructor(queue: Queue, store: Store, logger: Logger) {
    this.#queue = queue;
    this.#store = store;
    this.#logger = logger;
  }

  get count(): number {
    return this.#count;
  }

  /** True where nothing is lost with the list. */
  get disposable(): boolean {
    return this.count === 0 && !this.#sifting;
  }

  /** Bodies in bytes, in memory or not: what `x-max-length-bytes` counts. */
  get bodyBytes(): number {
    return this.#bodyBytes;
  }

  /** When the first message runs out, in memory or not: milliseconds since the epoch, 0 for never and for an empty list. */
  get headExpiresAtMs(): number {
    const entry = this.#returned.peek() ?? this.#window.peek();
    if (entry !== null) return entry.expiresAtMs;
    const row = this.#incoming[0];
    return row === undefined ? this.#paged.headExpiresAtMs : row.expiresAtMs;
  }

  /** Adds an entry behind all others. */
  push(entry: QueueEntry): void {
    const { memoryBytes } = entry;
    const { bodyBytes } = entry.message;
    this.#count++;
    this.#bodyBytes += bodyBytes;
    if (this.#paged.count === 0 && this.#incoming.length === 0 && this.#fitsWindow()) {
      this.#window.push(entry);
      this.#weighWindow(memoryBytes, 1);
      return;
    }
    const { place, expiresAtMs } = entry;
    const storedAt = this.#pageOut(entry);
    this.#paged.push(storedAt, place, expiresAtMs, memoryBytes, bodyBytes, false, storedAt === 0 ? entry : null);
  }

  /** Adds a stored message at recovery, without its body. */
  restore(lsn: number, place: number, expiresAtMs: number, sizeBytes: number, bodyBytes: number): void {
    this.#count++;
    this.#bodyBytes += bodyBytes;
    // After a crash nobody knows what had been delivered, so everything might have been.
    this.#paged.push(lsn, place, expiresAtMs, sizeBytes, bodyBytes, true, null);
  }

  /** Puts a delivered entry back to its place. */
  requeue(entry: QueueEntry): void {
    this.#count++;
    this.#bodyBytes += entry.message.bodyBytes;
    this.#returned.push(entry);
  }

  /** Removes the first entry; null where there is none in memory (a read is under way: `Queue.dispatch` follows it). */
  shift(): QueueEntry | null {
    let entry = this.#returned.shift();
    if (entry === null) {
      entry = this.#window.shift();
      if (entry !== null) this.#weighWindow(-entry.memoryBytes, -1);
      if (this.#paged.count > 0) this.#pageIn();
    }
    if (entry !== null) this.#removed(entry);
    return entry;
  }

  /**
   * Shows the entries in memory to `visit`, oldest first, until it has left `leftMax` of them or has enough; what it
   * took is removed. Returns how many more it might have left.
   */
  sift(leftMax: number, visit: (entry: QueueEntry) => "taken" | "left" | "enough"): number {
    let left = 0;
    // What stays is for a moment in no list at all.
    this.#sifting = true;
    const stay: QueueEntry[] = [];
    let answer = "left";
    while (left < leftMax && answer !== "enough") {
      const entry = this.#returned.shift();
      if (entry === null) break;
      answer = visit(entry);
      if (answer === "taken") this.#removed(entry);
      else left = stay.push(entry);
    }
    for (const entry of stay) this.#returned.push(entry);
    this.#sifting = false;
    let index = 0;
    while (index < this.#window.count && left < leftMax && answer !== "enough") {
      const entry = this.#window.at(index);
      answer = visit(entry);
      if (answer === "taken") {
        this.#window.removeAt(index);
        this.#removed(entry);
        this.#weighWindow(-entry.memoryBytes, -1);
      } else {
        index++;
        left++;
      }
    }
    if (this.#paged.count > 0) this.#pageIn();
    return answer === "enough" ? 0 : leftMax - left;
  }

  /** Empties the list, which nobody else uses any more, and settles one message in each step. */
  *clearing(): Generator<void, void> {
    const queue = this.#queue;
    // A read under way finds another array here and drops what it brings.
    const incoming = this.#incoming;
    this.#dropIncoming();
    this.#count = 0;
    this.#bodyBytes = 0;
    this.#weighWindow(-this.#windowBytes, -this.#window.count);
    for (let entry = this.#returned.shift(); entry !== null; entry = this.#returned.shift()) yield queue.settle(entry);
    for (let entry = this.#window.shift(); entry !== null; entry = this.#window.shift()) yield queue.settle(entry);
    for (const row of incoming) yield this.#settleRow(row);
    for (let row = this.#paged.shift(); row !== null; row = this.#paged.shift()) yield this.#settleRow(row);
  }

  #removed(entry: QueueEntry): void {
    this.#count--;
    this.#bodyBytes -= entry.message.bodyBytes;
  }

  #settleRow(row: IncomingRow): void {
    if (row.resident !== null) this.#queue.settle(row.resident);
    else if (row.storedAt > 0) this.#queue.settleStored(row.storedAt);
    else this.#store.spillArea?.release(-row.storedAt);
  }

  /** Where the message is from now on: its row's `storedAt`. */
  #pageOut(entry: QueueEntry): number {
    const { message } = entry;
    const stored = this.#queue.stores && message.lsn > 0;
    if (!stored && this.#store.spillArea === null) return 0;
    const storedAt = stored ? message.lsn : -this.#store.spill(message);
    this.#store.letGo(entry);
    return storedAt;
  }

  #fitsWindow(): boolean {
    // Nothing of it would ever be anywhere else.
    if (!this.#queue.stores && this.#store.spillArea === null) return true;
    const { limits } = this.#store;
    if (this.#windowBytes >= limits.queueWindowBytesMax || this.#window.count >= limits.queueWindowMessagesMax)
      return false;
    return this.#store.windowBytes < limits.windowBytesMax || this.#windowBytes < limits.queueWindowBytesMin;
  }

  #weighWindow(addedBytes: number, addedEntries: number): void {
    this.#windowBytes += addedBytes;
    this.#store.windowBytes += addedBytes + addedEntries * entryBytes;
  }

  /** Begins to read the next rows back where the window runs low: in time for a disk to bring them before it is empty. */
  #pageIn(): void {
    const { limits } = this.#store;
    if (this.#incoming.length > 0 || this.#paged.count === 0) return;
    // A thousand queues whose consumers take one message and no more must not have a page each.
    const isScarce = this.#store.windowBytes >= limits.windowBytesMax;
    const windowBytesMax = isScarce ? limits.queueWindowBytesMin : limits.queueWindowBytesMax;
    if (this.#window.count > pagesAhead * limits.pageMessagesMax || this.#windowBytes > windowBytesMax / 2) return;
    const rows: IncomingRow[] = [];
    let bytes = 0;
    do {
      const row = this.#paged.shift();
      if (row === null) break;
      rows.push({ ...row });
      bytes += row.sizeBytes;
    } while (rows.length < limits.pageMessagesMax && bytes < windowBytesMax / 4);
    this.#incoming = rows;
    this.#incomingBytes = bytes;
    this.#store.windowBytes += bytes;
    this.#read(rows);
  }

  /** What was being read has come, or nobody waits for it any more. */
  #dropIncoming(): void {
    this.#incoming = [];
    this.#store.windowBytes -= this.#incomingBytes;
    this.#incomingBytes = 0;
  }

  #read(rows: IncomingRow[]): void {
    const { engine, spillArea, containment } = this.#store;
    const stored: number[] = [];
    const spilled: number[] = [];
    for (const { storedAt } of rows) {
      if (storedAt > 0) stored.push(storedAt);
      else if (storedAt < 0) spilled.push(-storedAt);
    }
    const fromEngine = stored.length === 0 ? nothing : engine.read(stored);
    const fromArea = spilled.length === 0 || spillArea === null ? nothing : spillArea.read(spilled);
    const reading = Promise.all([fromEngine, fromArea]).then(
      ([storedMessages, spilledMessages]) => {
        if (this.#incoming === rows) this.#arrive(rows, storedMessages, spilledMessages);
      },
      (error: unknown) => {
        const fields = { queue: this.#queue.name, error: String(error) };
        this.#logger.error(fields, "cannot read messages back, trying again");
        this.#store.clock.after(readRetryMs, () => {
          if (this.#incoming === rows) this.#read(rows);
        });
      },
    );
    containment.watch("page-in", reading);
  }

  #arrive(rows: readonly IncomingRow[], stored: readonly Message[], spilled: readonly Message[]): void {
    this.#dropIncoming();
    let nextStored = 0;
    let nextSpilled = 0;
    for (const row of rows) {
      let entry = row.resident;
      if (entry === null) {
        const message = row.storedAt > 0 ? stored[nextStored++] : spilled[nextSpilled++];
        entry = this.#revive(row, message as Message);
      }
      this.#window.push(entry);
      this.#weighWindow(entry.memoryBytes, 1);
    }
    const { containment } = this.#store;
    this.#queue.filtered.noteChange();
    // Whoever waits for the page is told even where a delivery of it fails.
    containment.run("page-in", () => this.#queue.dispatch());
    containment.run("page-in", () => this.#queue.pagedIn());
  }

  #revive(row: IncomingRow, message: Message): QueueEntry {
    // It is in memory from now on: what was delivered does not go back.
    if (row.storedAt < 0) this.#store.spillArea?.release(-row.storedAt);
    const entry = new QueueEntry(this.#queue, message, row.place, row.expiresAtMs);
    this.#store.hold(entry, true);
    entry.redelivered = row.redelivered;
    return entry;
  }
}
