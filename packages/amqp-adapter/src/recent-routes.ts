import type { Route, Tab } from "@jackalope/core/adapter";

/** Slots of the table when it is made and at its largest. Both are powers of two. */
const firstSlots = 64;
const slotsMax = 8192;
/** Addresses longer than this are not remembered, so that the table is bounded in bytes too. */
const addressBytesMax = 160;
/** Memory of one, its address aside, about: half of a route, which mostly is in the connection's route cache as well. */
const routeBytesEach = 300;
const fnvOffset = 0x811c9dc5 | 0;
const fnvPrime = 0x01000193;

/** True where `wire` and the bytes from `start` to `end` are the same. */
export function sameBytes(wire: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  if (wire.length !== length) return false;
  // Backwards: addresses that differ, differ at the end of the key more often than in the exchange.
  for (let index = length - 1; index >= 0; index--) if (wire[index] !== bytes[start + index]) return false;
  return true;
}

/**
 * The routes that a connection published to lately, found by the bytes of exchange and key as they stand in
 * basic.publish: a publisher that rotates over a thousand keys makes no string a message. Two slots a hash, no chains;
 * what is pushed out is looked up again.
 */
export class RecentRoutes {
  #slots: (Route | undefined)[] | null = null;
  #mask = 0;
  #stored = 0;
  #bytes = 0;
  readonly #tab: Tab | null;

  /** `tab` pays for them. Null before the login, when there are none. */
  constructor(tab: Tab | null = null) {
    this.#tab = tab;
  }

  /** Forgets them all. */
  forget(): void {
    this.#slots = null;
    this.#stored = 0;
    this.#bytes = 0;
    this.#tab?.settle();
  }

  /** The route whose address these bytes are, or null. It may be out of date: ask `Channel.stillValid`. */
  find(bytes: Uint8Array, start: number, end: number): Route | null {
    const slots = this.#slots;
    if (slots === null) return null;
    const slot = hashOf(bytes, start, end) & this.#mask;
    const first = slots[slot];
    if (first !== undefined && sameBytes(first.wire as Uint8Array, bytes, start, end)) return first;
    const second = slots[slot ^ 1];
    if (second !== undefined && sameBytes(second.wire as Uint8Array, bytes, start, end)) return second;
    return null;
  }

  /** Remembers a route, where the connection has room for it; its `wire` must be set. */
  remember(route: Route): void {
    const wire = route.wire as Uint8Array;
    if (wire.length > addressBytesMax || this.#tab?.payer.hasRoom(bytesOf(route)) === false) return;
    if (this.#slots === null) this.#resize(firstSlots);
    else if (this.#stored * 2 >= this.#slots.length && this.#slots.length < slotsMax)
      this.#resize(this.#slots.length * 2);
    this.#place(route, wire);
    this.#tab?.set(this.#bytes);
  }

  #place(route: Route, wire: Uint8Array): void {
    const slots = this.#slots as (Route | undefined)[];
    const slot = hashOf(wire, 0, wire.length) & this.#mask;
    const taken = slots[slot];
    if (taken !== undefined && !sameBytes(taken.wire as Uint8Array, wire, 0, wire.length)) this.#put(slot ^ 1, taken);
    this.#put(slot, route);
  }

  #put(slot: number, route: Route): void {
    const slots = this.#slots as (Route | undefined)[];
    const replaced = slots[slot];
    slots[slot] = route;
    if (replaced === undefined) this.#stored++;
    else this.#bytes -= bytesOf(replaced);
    this.#bytes += bytesOf(route);
  }

  #resize(size: number): void {
    const old = this.#slots ?? [];
    this.#slots = new Array<Route | undefined>(size).fill(undefined);
    this.#mask = size - 1;
    this.#stored = 0;
    this.#bytes = 0;
    for (const route of old) if (route !== undefined) this.#place(route, route.wire as Uint8Array);
  }
}

function bytesOf({ wire }: Route): number {
  return routeBytesEach + (wire as Uint8Array).length;
}

/** FNV-1a, whose low bits are mixed once more because the table uses them alone. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = fnvOffset;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), fnvPrime);
  return hash ^ (hash >>> 15);
}
