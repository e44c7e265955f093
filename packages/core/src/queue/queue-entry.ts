import type { Consumer } from "../channel/consumer.ts";
import type { Message } from "../message.ts";
import type { Queue } from "./queue.ts";

/** Memory of an entry and its place in a ring, beside the message that it shares with other queues: 88 measured, and 16. */
export const entryBytes = 104;

/** One message in one queue: ready, or with a consumer and not yet acknowledged. */
export class QueueEntry {
  readonly queue: Queue;
  readonly message: Message;
  /** Place in the queue: requeued messages go back to it. */
  readonly place: number;
  /** When it expires in milliseconds since the epoch, 0 for never. */
  readonly expiresAtMs: number;
  redelivered = false;
  /** Failed deliveries so far (header x-delivery-count). */
  deliveryCount = 0;
  /** Who holds it, null while it is ready or was fetched by basic.get. */
  consumer: Consumer | null = null;
  /** What its message weighs where no other entry has it; -1 where others may. Kept by the store. */
  aloneBytes = -1;

  constructor(queue: Queue, message: Message, place: number, expiresAtMs: number) {
    this.queue = queue;
    this.message = message;
    this.place = place;
    this.expiresAtMs = expiresAtMs;
  }

  /** What its message weighs against memory limits. */
  get memoryBytes(): number {
    return this.aloneBytes >= 0 ? this.aloneBytes : this.message.memoryBytes;
  }
}
