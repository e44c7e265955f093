import { setTimeout as delay } from "node:timers/promises";

/** Long enough for a machine that does other things as well; a test that works never waits so long. */
const patienceMs = 15_000;

/** Waits until `condition` holds (or gives a value); fails with `what` after a bound. */
export async function waitFor<Value>(
  what: string,
  condition: () => Value | Promise<Value>,
  boundMs: number = patienceMs,
): Promise<Exclude<Value, false | null | undefined>> {
  const deadlineMs = performance.now() + boundMs;
  for (;;) {
    const value = await condition();
    if (value !== false && value !== null && value !== undefined) {
      return value as Exclude<Value, false | null | undefined>;
    }
    if (performance.now() > deadlineMs) throw new Error(`waited ${boundMs} ms in vain for: ${what}`);
    await delay(5);
  }
}

/** Fails with `what` where `promise` takes longer than the bound. */
export async function within<Value>(
  what: string,
  promise: Promise<Value>,
  boundMs: number = patienceMs,
): Promise<Value> {
  const abort = new AbortController();
  const timeout = delay(boundMs, undefined, { signal: abort.signal }).then(() => {
    throw new Error(`waited ${boundMs} ms in vain for: ${what}`);
  });
  timeout.catch(() => undefined);
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    abort.abort();
  }
}

/** What happens once: an event as a promise with a bound. */
export function once<Value>(
  what: string,
  listen: (happened: (value: Value) => void) => void,
  boundMs: number = patienceMs,
): Promise<Value> {
  return within(what, new Promise<Value>(listen), boundMs);
}

/** Things that arrive one after the other, to be waited for. */
export class Inbox<Item> {
  readonly items: Item[] = [];
  readonly #what: string;

  constructor(what: string) {
    this.#what = what;
  }

  /** Called for each item that arrives from now on. */
  onItem: ((item: Item) => void) | null = null;

  readonly push = (item: Item): void => {
    this.items.push(item);
    this.onItem?.(item);
  };

  /** The first `count` items, as soon as they are there. More may have come. */
  async first(count: number, boundMs: number = patienceMs): Promise<readonly Item[]> {
    try {
      await waitFor(this.#what, () => this.items.length >= count, boundMs);
    } catch (error) {
      throw new Error(`${(error as Error).message} (${this.items.length} of ${count} came)`, { cause: error });
    }
    return this.items.slice(0, count);
  }
}
