import type { Consumer } from "../channel/consumer.ts";
import type { Message } from "../message.ts";

/**
 * The consumers of one queue that can take a message now: a circular list, the next one to be served at `next`.
 *
 *     next -> A -> B -> C -> (A)       serving moves next on; joining is at the end of the round
 */
class PriorityLevel {
  readonly priority: number;
  next: Consumer | null = null;

  constructor(priority: number) {
    this.priority = priority;
  }

  join(consumer: Consumer): void {
    const next = this.next;
    if (next === null) {
      consumer.following = consumer;
      consumer.preceding = consumer;
      this.next = consumer;
      return;
    }
    const last = next.preceding as Consumer;
    consumer.following = next;
    consumer.preceding = last;
    last.following = consumer;
    next.preceding = consumer;
  }

  leave(consumer: Consumer): void {
    const following = consumer.following as Consumer;
    const preceding = consumer.preceding as Consumer;
    if (following === consumer) {
      this.next = null;
    } else {
      preceding.following = following;
      following.preceding = preceding;
      if (this.next === consumer) this.next = following;
    }
    consumer.following = null;
    consumer.preceding = null;
  }
}

/** All consumers of a queue: who they are, who is active, whose turn it is. Round robin within the highest priority. */
export class ConsumerSet {
  /** How often a consumer joined the round: filtered queues look again when one did. */
  joins = 0;
  /** Consumers that the last `pick` asked. */
  tried = 0;
  readonly #all = new Set<Consumer>();
  /** Highest priority first; an empty level stays for its consumers to rejoin. */
  #levels: PriorityLevel[] = [];
  readonly #singleActive: boolean;
  /** The one that is served where only one may be. */
  #active: Consumer | null = null;

  constructor(singleActive: boolean) {
    this.#singleActive = singleActive;
  }

  get count(): number {
    return this.#all.size;
  }

  get all(): ReadonlySet<Consumer> {
    return this.#all;
  }

  get active(): Consumer | null {
    return this.#active;
  }

  add(consumer: Consumer): void {
    this.#all.add(consumer);
    consumer.attached = true;
    if (this.#singleActive) this.#active ??= consumer;
    this.refresh(consumer);
  }

  remove(consumer: Consumer): void {
    if (!this.#all.delete(consumer)) return;
    consumer.attached = false;
    if (consumer.following !== null) this.#level(consumer.priority).leave(consumer);
    // Clients choose priorities freely: without this, levels of consumers long gone would slow every peek down.
    if (this.#levels.length > this.#all.size + 1) this.#levels = this.#levels.filter((level) => level.next !== null);
    if (this.#active !== consumer) return;
    this.#active = null;
    for (const other of this.#all) {
      // Those of a channel that ends are on their way out: thousands of them would be the active one after the other.
      if (other.channel.closed) continue;
      if (this.#active === null || other.priority > this.#active.priority) this.#active = other;
    }
    if (this.#active !== null) this.refresh(this.#active);
  }

  /** Removes and returns every consumer, in the order in which they came: the queue is gone. */
  removeAll(): Consumer[] {
    const consumers = [...this.#all];
    for (const consumer of consumers) {
      consumer.attached = false;
      if (consumer.following !== null) this.#level(consumer.priority).leave(consumer);
    }
    this.#all.clear();
    this.#levels = [];
    this.#active = null;
    return consumers;
  }

  /**
   * Lets the consumer join or leave the round, after its credit or its channel's state changed. One that only its channel
   * keeps from taking messages is told to the channel, which refreshes it when it can.
   */
  refresh(consumer: Consumer): void {
    const joined = consumer.following !== null;
    const served = consumer.ready && consumer.attached && (!this.#singleActive || this.#active === consumer);
    const willing = served && consumer.admitted;
    if (served && !willing) consumer.channel.consumerWaits(consumer);
    if (willing === joined) return;
    if (willing) {
      this.joins++;
      this.#level(consumer.priority).join(consumer);
    } else this.#level(consumer.priority).leave(consumer);
  }

  /**
   * Who is to be served, without moving on; null where nobody can take a message. Channels have too many consumers to call
   * each of them out of its round when they have to pause: who cannot take a message leaves when it is asked.
   */
  peek(): Consumer | null {
    const next = this.#levels[0]?.next ?? null;
    // Who is in the round is ready.
    return next !== null && next.admitted ? next : this.#search();
  }

  #search(): Consumer | null {
    for (let index = 0; index < this.#levels.length; index++) {
      const level = this.#levels[index] as PriorityLevel;
      for (let { next } = level; next !== null; { next } = level) {
        if (next.admitted) return next;
        level.leave(next);
        next.channel.consumerWaits(next);
      }
    }
    return null;
  }

  /** As `peek`, passing over those whose filter refuses the message. */
  pick(message: Message): Consumer | null {
    this.tried = 0;
    for (const { next } of this.#levels) {
      let consumer = next;
      while (consumer !== null) {
        this.tried++;
        if (consumer.willing && consumer.wants(message)) return consumer;
        consumer = consumer.following === next ? null : consumer.following;
      }
    }
    return null;
  }

  /** Moves the round on behind `consumer`, which `peek` returned. */
  served(consumer: Consumer): void {
    if (consumer.following !== null) this.#level(consumer.priority).next = consumer.following;
  }

  #level(priority: number): PriorityLevel {
    const first = this.#levels[0];
    if (first !== undefined && first.priority === priority) return first;
    let index = 0;
    for (; index < this.#levels.length; index++) {
      const level = this.#levels[index] as PriorityLevel;
      if (level.priority === priority) return level;
      if (level.priority < priority) break;
    }
    const level = new PriorityLevel(priority);
    this.#levels.splice(index, 0, level);
    return level;
  }
}
