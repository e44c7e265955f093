import { entryId, type Keys } from "./layout.ts";
import type { Argument } from "./redis-client.ts";

/** Ids of one XDEL or HDEL at most: Lua's stack takes about 8,000. */
const idsMax = 1000;

/** Keys and arguments of a script, put together bit by bit. */
export class ScriptCall {
  readonly keys: string[];
  readonly args: Argument[] = [];
  /** Of streams that get large entries, by turns: their place, that of their other name, and the first entry's Lsn. */
  readonly gates: number[] = [];
  /** Arguments of XADDs that come before the script. */
  readonly additions: Argument[][] = [];
  readonly #names: Keys;
  readonly #places = new Map<string, number>();

  constructor(names: Keys, keys: string[]) {
    this.#names = names;
    this.keys = keys;
  }

  /** The place of a stream's key among the keys, from 1. */
  streamKey(streamId: number): number {
    return this.#place(this.#names.stream(streamId));
  }

  settledKey(streamId: number): number {
    return this.#place(this.#names.settled(streamId));
  }

  /** Large entries will be added to the stream, with these Lsns in the ids of the first and the last. Comes first of all. */
  openGate(streamId: number, firstLsn: number, lastLsn: number): void {
    const places = [this.streamKey(streamId), this.#place(this.#names.gate(streamId))];
    this.gates.push(...places, firstLsn);
    this.args.push("c", ...places, lastLsn);
  }

  /** A large entry. */
  addBehindGate(streamId: number, id: string, fields: readonly Argument[]): void {
    this.additions.push([this.#names.gate(streamId), "NOMKSTREAM", id, ...fields]);
  }

  /** One operation on the entries with these Lsns in their ids, or several where there are many. */
  pushIds(operation: string, key: number, lsns: readonly number[]): void {
    for (let at = 0; at < lsns.length; at += idsMax) {
      const end = Math.min(lsns.length, at + idsMax);
      this.args.push(operation, key, end - at);
      for (let index = at; index < end; index++) this.args.push(entryId(lsns[index] as number));
    }
  }

  #place(key: string): number {
    let place = this.#places.get(key);
    if (place === undefined) {
      place = this.keys.push(key);
      this.#places.set(key, place);
    }
    return place;
  }
}
