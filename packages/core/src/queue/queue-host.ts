import type { FanOuts } from "../fan-out.ts";
import type { Logger } from "../logger.ts";
import type { Message } from "../message.ts";
import type { Store } from "../store.ts";
import type { Totals } from "../totals.ts";
import type { Turn } from "../turn.ts";
import type { DeathReason } from "./dead-letter.ts";
import type { Queue } from "./queue.ts";

/** The connection that an exclusive queue belongs to. */
export interface QueueOwner {
  /** The queue was deleted, ran out or lost its last consumer. */
  queueRemoved(queue: Queue): void;
}

/** What a queue needs of its virtual host. */
export interface QueueHost {
  readonly name: string;
  readonly store: Store;
  readonly totals: Totals;
  readonly turn: Turn;
  /** Messages on their way to very many queues. */
  readonly fanOuts: FanOuts;
  readonly logger: Logger;
  /**
   * Publishes `message` to the queue's dead-letter exchange, or counts it as dropped where there is none. False where it
   * failed by a fault of ours, which is counted.
   */
  deadLetter(queue: Queue, message: Message, reason: DeathReason): boolean;
}
