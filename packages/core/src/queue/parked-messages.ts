import type { Lsn } from "../storage-engine.ts";
import type { Queue } from "./queue.ts";
import type { QueueEntry } from "./queue-entry.ts";
import type { QueueHost } from "./queue-host.ts";

/**
 * Messages of one queue that cannot be handed on by a fault of ours: a consumer's encoder throws, or dead-lettering does.
 * Given back they would come again at once, for ever, and take a connection with them each time:
 *
 *     ready ──▶ delivery fails ──▶ ready, suspected ──▶ delivery fails, with whatever consumer ──▶ parked
 *
 * What is parked stays in the store, so that another version of the broker finds it; a purge and the end of the queue end
 * it too. Only its identity is in memory. A message that is not stored is dropped.
 */
export class ParkedMessages {
  readonly #queue: Queue;
  readonly #host: QueueHost;
  #suspects: WeakSet<QueueEntry> | null = null;
  #lsns: Lsn[] = [];

  constructor(queue: Queue, host: QueueHost) {
    this.#queue = queue;
    this.#host = host;
  }

  get count(): number {
    return this.#lsns.length;
  }

  /** The delivery of an entry failed: true where it had before. */
  suspect(entry: QueueEntry): boolean {
    this.#suspects ??= new WeakSet();
    if (this.#suspects.has(entry)) return true;
    this.#suspects.add(entry);
    return false;
  }

  park(entry: QueueEntry, reason: string): void {
    const { lsn } = entry.message;
    const { store, totals, logger } = this.#host;
    const stored = this.#queue.stores && lsn > 0;
    store.letGo(entry);
    if (stored) this.#lsns.push(lsn);
    else totals.dropped.undeliverable++;
    const fields = { queue: this.#queue.name, vhost: this.#host.name, message: lsn, reason };
    logger.error(fields, stored ? "message parked: it stays in the store" : "message dropped");
  }

  /** All of them, which are parked no more. */
  takeAll(): readonly Lsn[] {
    return this.#lsns.splice(0);
  }
}
