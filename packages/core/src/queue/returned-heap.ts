import type { QueueEntry } from "./queue-entry.ts";

/** Requeued entries by place, lowest first: a binary heap. */
export class ReturnedHeap {
  readonly #entries: QueueEntry[] = [];

  get count(): number {
    return this.#entries.length;
  }

  peek(): QueueEntry | null {
    return this.#entries[0] ?? null;
  }

  push(entry: QueueEntry): void {
    const entries = this.#entries;
    let index = entries.length;
    entries.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = entries[parent] as QueueEntry;
      if (above.place <= entry.place) break;
      entries[index] = above;
      index = parent;
    }
    entries[index] = entry;
  }

  shift(): QueueEntry | null {
    const entries = this.#entries;
    const first = entries[0];
    const last = entries.pop();
    if (first === undefined || last === undefined) return null;
    if (entries.length > 0) this.#sink(last);
    return first;
  }

  #sink(entry: QueueEntry): void {
    const entries = this.#entries;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= entries.length) break;
      const right = entries[child + 1];
      if (right !== undefined && right.place < (entries[child] as QueueEntry).place) child++;
      const below = entries[child] as QueueEntry;
      if (below.place >= entry.place) break;
      entries[index] = below;
      index = child;
    }
    entries[index] = entry;
  }
}
