import { within } from "../waiting.ts";

const answerMs = 60_000;

interface Waiter<Kind> {
  readonly kind: Kind;
  readonly count: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** What has come from a broker, counted by kind. Who waits is told in the turn in which it comes. */
export class Arrivals<Kind> {
  readonly #counts = new Map<Kind, number>();
  #waiters: Waiter<Kind>[] = [];
  #over = false;

  add(kind: Kind): void {
    const count = this.count(kind) + 1;
    this.#counts.set(kind, count);
    if (this.#waiters.length === 0) return;
    const isServed = (waiter: Waiter<Kind>): boolean => waiter.kind === kind && waiter.count <= count;
    const served = this.#waiters.filter(isServed);
    this.#waiters = this.#waiters.filter((waiter) => !isServed(waiter));
    for (const { resolve } of served) resolve();
  }

  count(kind: Kind): number {
    return this.#counts.get(kind) ?? 0;
  }

  /** Resolves when so many have come. Rejects after a time, and where the stream ends first. */
  async next(kind: Kind, count: number, boundMs: number = answerMs): Promise<void> {
    if (this.count(kind) >= count) return;
    const what = `answer ${count} of kind ${String(kind)}`;
    if (this.#over) throw new Error(`the broker had ended the connection before ${what}`);
    const come = new Promise<void>((resolve, reject) => this.#waiters.push({ kind, count, resolve, reject }));
    await within(what, come, boundMs);
  }

  /** The stream is over. */
  end(): void {
    this.#over = true;
    for (const { reject, kind, count } of this.#waiters) {
      reject(new Error(`the broker ended the connection before answer ${count} of kind ${String(kind)}`));
    }
    this.#waiters = [];
  }
}
