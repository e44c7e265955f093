import type { Logger } from "../logger.ts";
import type { StoredMessage } from "../storage-engine.ts";
import type { Store } from "../store.ts";
import type { Queue } from "./queue.ts";
import type { QueueEntry } from "./queue-entry.ts";
import { ReadyList } from "./ready-list.ts";

/** Lists of a queue with priorities that may stand empty: the next one to be made takes their places. */
const emptyListsMax = 11;

/**
 * A queue's ready messages: one list, or one for each priority that is in use, highest last. A queue may have 255
 * priorities by saying so in one byte, so a list is made with its first message and not with the queue.
 */
export class ReadyMessages {
  readonly #queue: Queue;
  readonly #priorityMax: number;
  readonly #store: Store;
  readonly #logger: Logger;
  /** In the order of `#priorities`, lowest first. Both arrays are replaced and never changed: a walk keeps its own. */
  #lists: readonly ReadyList[];
  #priorities: readonly number[];
  readonly #only: ReadyList | null;

  constructor(queue: Queue, priorityMax: number, store: Store, logger: Logger) {
    this.#queue = queue;
    this.#priorityMax = priorityMax;
    this.#store = store;
    this.#logger = logger;
    this.#only = priorityMax === 0 ? new ReadyList(queue, store, logger) : null;
    this.#lists = this.#only === null ? [] : [this.#only];
    this.#priorities = [];
  }

  get count(): number {
    return this.#only !== null ? this.#only.count : this.#countOfAll();
  }

  #countOfAll(): number {
    let count = 0;
    for (const list of this.#lists) count += list.count;
    return count;
  }

  /** Bodies in bytes. */
  get bodyBytes(): number {
    return this.#only !== null ? this.#only.bodyBytes : this.#bodyBytesOfAll();
  }

  #bodyBytesOfAll(): number {
    let bytes = 0;
    for (const list of this.#lists) bytes += list.bodyBytes;
    return bytes;
  }

  push(entry: QueueEntry): void {
    this.#listFor(entry.message.priority).push(entry);
  }

  requeue(entry: QueueEntry): void {
    this.#listFor(entry.message.priority).requeue(entry);
  }

  restore(message: StoredMessage, place: number, expiresAtMs: number): void {
    const { lsn, priority, sizeBytes, bodyBytes } = message;
    this.#listFor(priority).restore(lsn, place, expiresAtMs, sizeBytes, bodyBytes);
  }

  /** The list whose turn it is, or null where all are empty. Its `shift` may be null while it is being read back. */
  first(): ReadyList | null {
    if (this.#only === null) return this.#firstOfAll();
    return this.#only.count > 0 ? this.#only : null;
  }

  #firstOfAll(): ReadyList | null {
    for (let index = this.#lists.length - 1; index >= 0; index--) {
      const list = this.#lists[index] as ReadyList;
      if (list.count > 0) return list;
    }
    return null;
  }

  /**
   * The lists that there are, lowest priority first, for those who look at each: the head of any may have run out. What
   * comes meanwhile in a priority that has no list yet is not among them.
   */
  get lists(): readonly ReadyList[] {
    return this.#lists;
  }

  /** Settles one message in each step; nobody else uses them any more. */
  *clearing(): Generator<void, void> {
    for (const list of this.#lists) yield* list.clearing();
  }

  #listFor(priority: number): ReadyList {
    return this.#only ?? this.#listOf(priority);
  }

  #listOf(priority: number): ReadyList {
    // Priorities above the queue's highest count as the highest.
    const wanted = Math.min(priority, this.#priorityMax);
    const priorities = this.#priorities;
    let index = priorities.length;
    while (index > 0 && (priorities[index - 1] as number) > wanted) index--;
    if (index > 0 && priorities[index - 1] === wanted) return this.#lists[index - 1] as ReadyList;
    return this.#make(wanted);
  }

  #make(wanted: number): ReadyList {
    if (this.#lists.length >= emptyListsMax) this.#dropEmpty();
    const list = new ReadyList(this.#queue, this.#store, this.#logger);
    const found = this.#priorities.findIndex((priority) => priority > wanted);
    const index = found < 0 ? this.#priorities.length : found;
    this.#lists = this.#lists.toSpliced(index, 0, list);
    this.#priorities = this.#priorities.toSpliced(index, 0, wanted);
    return list;
  }

  #dropEmpty(): void {
    const lists = this.#lists;
    this.#priorities = this.#priorities.filter((_, index) => !(lists[index] as ReadyList).disposable);
    this.#lists = lists.filter((list) => !list.disposable);
  }
}
