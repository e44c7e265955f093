import type { Logger } from "../logger.ts";
import type { StoredMessage } from "../storage-engine.ts";
import type { Store } from "../store.ts";
import type { Queue } from "./queue.ts";
import type { QueueEntry } from "./queue-entry.ts";
import { ReadyList } from "./ready-list.ts";

/** A queue's ready messages: one list, or one a priority, highest first. */
export class ReadyMessages {
  readonly #lists: ReadyList[];
  readonly #only: ReadyList | null;

  constructor(queue: Queue, priorityMax: number, store: Store, logger: Logger) {
    this.#lists = Array.from({ length: priorityMax + 1 }, () => new ReadyList(queue, store, logger));
    this.#only = priorityMax === 0 ? (this.#lists[0] as ReadyList) : null;
  }

  get count(): number {
    if (this.#only !== null) return this.#only.count;
    let count = 0;
    for (const list of this.#lists) count += list.count;
    return count;
  }

  /** Bodies in bytes. */
  get bodyBytes(): number {
    if (this.#only !== null) return this.#only.bodyBytes;
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
    if (this.#only !== null) return this.#only.count > 0 ? this.#only : null;
    for (let priority = this.#lists.length - 1; priority >= 0; priority--) {
      const list = this.#lists[priority] as ReadyList;
      if (list.count > 0) return list;
    }
    return null;
  }

  /** Every list, for expiry: the head of each may have run out. */
  get lists(): readonly ReadyList[] {
    return this.#lists;
  }

  clear(): void {
    for (const list of this.#lists) list.clear();
  }

  /** Priorities above the queue's highest count as the highest. */
  #listFor(priority: number): ReadyList {
    return this.#only ?? (this.#lists[Math.min(priority, this.#lists.length - 1)] as ReadyList);
  }
}
