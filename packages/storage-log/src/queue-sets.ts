/** Sets up to this size keep the queues that still hold a message as bits of one number. */
export const maskedQueuesMax = 32;

/** Every queue of a set of `size` at most `maskedQueuesMax`. */
export function fullMask(size: number): number {
  return size === maskedQueuesMax ? 0xffffffff : (1 << size) - 1;
}

/**
 * The sets of queues that messages were appended to, one number a set: messages of one route share one. A set is
 * forgotten with its last message.
 */
export class QueueSets {
  #sets: (readonly number[])[] = [];
  #messages: number[] = [];
  #free: number[] = [];
  #byText = new Map<string, number>();
  #last = -1;

  /** Number of the set, counted as used by one more message. */
  retain(queueIds: readonly number[]): number {
    if (this.#last >= 0 && sameQueues(this.#sets[this.#last] as readonly number[], queueIds)) {
      (this.#messages[this.#last] as number)++;
      return this.#last;
    }
    const text = queueIds.join();
    let set = this.#byText.get(text);
    if (set === undefined) {
      set = this.#free.pop() ?? this.#sets.length;
      this.#sets[set] = [...queueIds];
      this.#messages[set] = 0;
      this.#byText.set(text, set);
    }
    (this.#messages[set] as number)++;
    const before = this.#last;
    this.#last = set;
    if (before >= 0 && before !== set && this.#messages[before] === 0) this.#forget(before);
    return set;
  }

  queues(set: number): readonly number[] {
    return this.#sets[set] as readonly number[];
  }

  /** One message less uses the set. */
  release(set: number): void {
    const messages = (this.#messages[set] as number) - 1;
    this.#messages[set] = messages;
    // The last set in use is kept: a route with one message at a time would be made anew for each.
    if (messages === 0 && set !== this.#last) this.#forget(set);
  }

  #forget(set: number): void {
    this.#byText.delete(this.queues(set).join());
    this.#sets[set] = [];
    this.#free.push(set);
  }
}

function sameQueues(left: readonly number[], right: readonly number[]): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) if (left[index] !== right[index]) return false;
  return true;
}
