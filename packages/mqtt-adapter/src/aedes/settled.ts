/**
 * A promise that is kept already and calls back at once instead of in a later microtask. aedes numbers a packet when it is
 * published and drops one that reaches a subscriber behind a higher number; with promises on the way, packets that are
 * retained or queued come behind those that are not, and are lost.
 */
class Settled<Value> implements PromiseLike<Value> {
  readonly #value: Value;

  constructor(value: Value) {
    this.#value = value;
  }

  // oxlint-disable-next-line unicorn/no-thenable -- being one is the point
  then<Fulfilled = Value>(
    onFulfilled?: ((value: Value) => Fulfilled | PromiseLike<Fulfilled>) | null,
  ): Promise<Fulfilled> {
    // Without a callback the value is the outcome itself.
    const call = onFulfilled ?? ((value: Value) => value as unknown as Fulfilled);
    try {
      return Promise.resolve(call(this.#value));
    } catch (error) {
      return Promise.reject(error);
    }
  }
}

/** Runs `work` now; the result calls back at once. What it throws rejects, in the usual way. */
export function settled<Value>(work: () => Value): PromiseLike<Value> {
  try {
    return new Settled(work());
  } catch (error) {
    return Promise.reject(error);
  }
}
