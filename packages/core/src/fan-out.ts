import { inSlices } from "./long-act.ts";
import type { Message } from "./message.ts";
import type { Queue } from "./queue/queue.ts";
import type { Store } from "./store.ts";
import type { Turn } from "./turn.ts";

/** Queues that a message is given to in one go. */
export const fanOutAtOnceMax = 512;

/** Fan-outs under way; the one that comes beyond it finishes the oldest first, however long that takes. */
const underWayMax = 64;

/**
 * One message on its way to many queues. It is stored for all of them before the first has it, and it stands in each queue
 * from then on in order: whoever else puts something into a queue, or takes something out, has the queue catch up first.
 *
 *     late    the fan-outs that have not come to the queue yet, oldest first
 */
export class FanOut {
  readonly message: Message;
  /** The list of this one, shared by all queues that have no other. */
  readonly alone: readonly FanOut[];
  readonly #queues: readonly Queue[];
  #next = 0;

  constructor(message: Message, queues: readonly Queue[]) {
    this.message = message;
    this.#queues = queues;
    this.alone = [this];
    for (let index = 0; index < queues.length; index++) (queues[index] as Queue).addLate(this);
  }

  /** Gives one queue its message in each step. */
  *giving(): Generator<void, void> {
    while (this.#next < this.#queues.length) {
      const queue = this.#queues[this.#next++] as Queue;
      // Otherwise somebody else had it catch up.
      if (queue.awaits(this)) queue.catchUp();
      yield;
    }
  }
}

/** The fan-outs that are under way in one virtual host. */
export class FanOuts {
  readonly #turn: Turn;
  readonly #store: Store;
  readonly #underWay = new Set<FanOut>();
  /** Of the one that `begin` began last; null where it was over at once. */
  last: Promise<void> | null = null;

  constructor(turn: Turn, store: Store) {
    this.#turn = turn;
    this.#store = store;
  }

  /** True while whoever can wait had better begin no other. */
  get crowded(): boolean {
    return this.#underWay.size >= underWayMax / 2;
  }

  /** Gives `message` to each of `queues`, which have it stored where they have to. `afterwards` is done at the end. */
  begin(message: Message, queues: readonly Queue[], afterwards: () => Generator<void, void>): void {
    message.own();
    this.#store.holdShared(message);
    if (this.#underWay.size >= underWayMax) this.#finishOldest();
    const fanOut = new FanOut(message, queues);
    this.#underWay.add(fanOut);
    const giving = inSlices(this.#turn, this.#steps(fanOut, afterwards));
    this.last = giving instanceof Promise ? giving : null;
    if (giving instanceof Promise) this.#store.containment.watch("delivery", giving);
  }

  *#steps(fanOut: FanOut, afterwards: () => Generator<void, void>): Generator<void, void> {
    try {
      yield* fanOut.giving();
      yield* afterwards();
    } finally {
      this.#underWay.delete(fanOut);
      this.#store.letGoShared(fanOut.message);
    }
  }

  #finishOldest(): void {
    for (const fanOut of this.#underWay) {
      const steps = fanOut.giving();
      while (steps.next().done !== true);
      this.#underWay.delete(fanOut);
      return;
    }
  }
}
