import { definitionKey } from "./definitions.ts";
import type { Lsn } from "./storage-engine.ts";
import type { Store } from "./store.ts";

/** How an owner removes its records, in steps as those of a `LongAct`. */
export type ClearingSteps = Iterable<void | Promise<unknown>>;

/**
 * What an adapter keeps in the storage engine beside queues and messages: sessions, retained messages. Records have a
 * kind, which is the adapter's, and a name within it. Values live in the engine; what was stored before the start is
 * handed over once, to the adapter that claims the kind.
 */
export class Records {
  readonly #virtualHost: string;
  readonly #store: Store;
  /** Recovered and not claimed yet. */
  readonly #unclaimed = new Map<string, Map<string, Uint8Array>>();
  readonly #owners: (() => void | ClearingSteps)[] = [];

  constructor(virtualHost: string, store: Store) {
    this.#virtualHost = virtualHost;
    this.#store = store;
  }

  /** The records of `kind` that were there at the start, by name. They are the caller's from now on. */
  claim(kind: string): Map<string, Uint8Array> {
    const records = this.#unclaimed.get(kind) ?? new Map<string, Uint8Array>();
    this.#unclaimed.delete(kind);
    return records;
  }

  /**
   * Hands the records of `kind` that were there at the start to `take`, one by one: one that cannot be read is logged and
   * stays where it is, and the others are taken. Returns the names of those.
   */
  claimEach(kind: string, take: (name: string, value: Uint8Array) => void): readonly string[] {
    const unread: string[] = [];
    for (const [name, value] of this.claim(kind)) {
      try {
        take(name, value);
      } catch (error) {
        unread.push(name);
        this.#store.containment.failed("recovery", error, { vhost: this.#virtualHost, kind, record: name });
      }
    }
    return unread;
  }

  /** Sets or removes (null) a record. Returns the Lsn at which it is durable. */
  put(kind: string, name: string, value: Uint8Array | null): Lsn {
    return this.#store.put(definitionKey(recordKind, this.#virtualHost, kind, name), value);
  }

  /** Recovery found a record. */
  restore(kind: string, name: string, value: Uint8Array): void {
    let records = this.#unclaimed.get(kind);
    if (records === undefined) this.#unclaimed.set(kind, (records = new Map()));
    records.set(name, value);
  }

  /** Calls `run` when the virtual host is deleted: it removes its records, in the steps that it returns where they are many. */
  whenCleared(run: () => void | ClearingSteps): void {
    this.#owners.push(run);
  }

  /** Removes everything, one record or a few in each step: the virtual host goes away. */
  *clearing(): Generator<void | Promise<unknown>, void> {
    // All are told before the first takes long: what one of them still does may be another one's record.
    for (const steps of this.#owners.map((run) => run())) yield* steps ?? [];
    for (const [kind, records] of this.#unclaimed) {
      for (const name of records.keys()) {
        this.put(kind, name, null);
        yield;
      }
    }
    this.#unclaimed.clear();
  }
}

/** Begins the definition keys of records. */
export const recordKind = "record";
