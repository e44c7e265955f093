import type { Clock } from "@jackalope/core/adapter";

/** The open connections of an adapter. */
export class ConnectionSet<C extends { destroy(): void }> {
  readonly #connections = new Set<C>();
  #whenEmpty: (() => void) | null = null;

  get size(): number {
    return this.#connections.size;
  }

  add(connection: C): void {
    this.#connections.add(connection);
  }

  /** The connection is gone. */
  delete(connection: C): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#whenEmpty?.();
  }

  [Symbol.iterator](): Iterator<C> {
    return this.#connections.values();
  }

  /** Calls `each` for all, which asks them to go, and waits until they have; those left after `timeoutMs` are destroyed. */
  async end(clock: Clock, timeoutMs: number, each: (connection: C) => void): Promise<void> {
    for (const connection of this.#connections) each(connection);
    if (this.#connections.size === 0) return;
    const empty = new Promise<void>((resolve) => {
      this.#whenEmpty = resolve;
    });
    const timer = clock.after(timeoutMs, () => {
      for (const connection of this.#connections) connection.destroy();
    });
    await empty;
    timer.cancel();
  }
}
