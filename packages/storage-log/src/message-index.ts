import type { Lsn } from "@jackalope/core/storage";
import { fullMask, maskedQueuesMax, QueueSets } from "./queue-sets.ts";

/** What `settle` found. */
export const notHeld = 0;
export const heldByOthers = 1;
export const heldByNone = 2;

const chunkMessages = 1024;
/** A chunk this far behind the newest one and with so few messages left gives them to a hash table and goes. */
const sparseDistanceChunks = 64;
const sparseMessagesMax = 64;
const keptChunksMax = 64;
/** Holders from here on are the number of a queue set. */
const setBit = 0x80000000;

/**
 * 1,024 consecutive Lsns in 16 bytes each: a million waiting messages cost 16 MB.
 *
 *     addresses f64 | lengths u32, 0 is absent | holders u32, a queue id or a set | masks u32, only where sets are
 */
class Chunk {
  number: number;
  live = 0;
  readonly addresses: Float64Array = new Float64Array(chunkMessages);
  readonly lengths: Uint32Array = new Uint32Array(chunkMessages);
  readonly holders: Uint32Array = new Uint32Array(chunkMessages);
  masks: Uint32Array | null = null;

  constructor(number: number) {
    this.number = number;
  }
}

interface SparseMessage {
  address: number;
  length: number;
  holder: number;
  mask: number;
}

/** Where every unsettled message is, and which queues hold it. */
export class MessageIndex {
  /** Of the message that `locate` or `settle` found last. */
  address = 0;
  length = 0;
  /** Messages held. */
  count = 0;
  readonly #sets = new QueueSets();
  #chunks = new Map<number, Chunk>();
  #sparse = new Map<Lsn, SparseMessage>();
  /** Queues that still hold a message of a set too large for a mask. */
  #wide = new Map<Lsn, Set<number>>();
  #head = new Chunk(-1);
  #near: Chunk = this.#head;
  #kept: Chunk[] = [];
  #sweep: IterableIterator<Chunk> = this.#chunks.values();

  /** Takes a message that is not held yet. */
  add(lsn: Lsn, address: number, length: number, queueIds: readonly number[]): void {
    const number = Math.floor(lsn / chunkMessages);
    const chunk = this.#head.number === number ? this.#head : this.#openChunk(number);
    const slot = lsn - number * chunkMessages;
    chunk.addresses[slot] = address;
    chunk.lengths[slot] = length;
    chunk.live++;
    this.count++;
    const first = queueIds[0] as number;
    if (queueIds.length === 1 && first < setBit) {
      chunk.holders[slot] = first;
      return;
    }
    chunk.masks ??= new Uint32Array(chunkMessages);
    chunk.holders[slot] = setBit + this.#sets.retain(queueIds);
    chunk.masks[slot] = this.#maskOf(lsn, queueIds);
  }

  /** True where the message is held; sets `address` and `length`. */
  locate(lsn: Lsn): boolean {
    const number = Math.floor(lsn / chunkMessages);
    const chunk = this.#chunk(number);
    if (chunk !== null) {
      const slot = lsn - number * chunkMessages;
      const length = chunk.lengths[slot] as number;
      if (length > 0) {
        this.address = chunk.addresses[slot] as number;
        this.length = length;
        return true;
      }
    }
    if (this.#sparse.size === 0) return false;
    const sparse = this.#sparse.get(lsn);
    if (sparse === undefined) return false;
    this.address = sparse.address;
    this.length = sparse.length;
    return true;
  }

  /** One queue is done with the message; sets `address` and `length` unless `notHeld`. */
  settle(lsn: Lsn, queueId: number): typeof notHeld | typeof heldByOthers | typeof heldByNone {
    const number = Math.floor(lsn / chunkMessages);
    const chunk = this.#chunk(number);
    if (chunk === null) return this.#settleSparse(lsn, queueId);
    const slot = lsn - number * chunkMessages;
    const length = chunk.lengths[slot] as number;
    if (length === 0) return this.#settleSparse(lsn, queueId);
    const holder = chunk.holders[slot] as number;
    this.address = chunk.addresses[slot] as number;
    this.length = length;
    if (holder >= setBit) {
      const masks = chunk.masks as Uint32Array;
      const mask = masks[slot] as number;
      const left = this.#withoutQueue(lsn, holder, mask, queueId);
      if (left === mask) return notHeld;
      masks[slot] = left;
      if (left !== 0) return heldByOthers;
      this.#sets.release(holder - setBit);
    } else if (holder !== queueId) return notHeld;
    this.#clear(chunk, slot);
    return heldByNone;
  }

  /** Drops a held message whatever queues hold it. */
  remove(lsn: Lsn): void {
    for (const queueId of this.queuesOf(lsn)) this.settle(lsn, queueId);
  }

  /** The queues that have not settled a held message; a new array. */
  queuesOf(lsn: Lsn): number[] {
    const number = Math.floor(lsn / chunkMessages);
    const slot = lsn - number * chunkMessages;
    const chunk = this.#chunk(number);
    if (chunk !== null && (chunk.lengths[slot] as number) > 0) {
      return this.#queues(lsn, chunk.holders[slot] as number, chunk.masks?.[slot] ?? 0);
    }
    const sparse = this.#sparse.get(lsn);
    return sparse === undefined ? [] : this.#queues(lsn, sparse.holder, sparse.mask);
  }

  /** A held message is elsewhere now. */
  relocate(lsn: Lsn, address: number, length: number): void {
    const number = Math.floor(lsn / chunkMessages);
    const slot = lsn - number * chunkMessages;
    const chunk = this.#chunk(number);
    if (chunk !== null && (chunk.lengths[slot] as number) > 0) {
      chunk.addresses[slot] = address;
      chunk.lengths[slot] = length;
      return;
    }
    const sparse = this.#sparse.get(lsn);
    if (sparse === undefined) throw new Error(`message ${lsn} is not held`);
    sparse.address = address;
    sparse.length = length;
  }

  /** The messages with Lsns from `lsnMin` to `lsnMax` whose records lie from address `first` to before `end`. */
  heldWithin(lsnMin: Lsn, lsnMax: Lsn, first: number, end: number): Lsn[] {
    const found: Lsn[] = [];
    for (const [lsn, { address }] of this.#sparse) {
      if (lsn >= lsnMin && lsn <= lsnMax && address >= first && address < end) found.push(lsn);
    }
    for (let number = Math.floor(lsnMin / chunkMessages); number * chunkMessages <= lsnMax; number++) {
      const chunk = this.#chunks.get(number);
      if (chunk === undefined || chunk.live === 0) continue;
      for (let slot = 0; slot < chunkMessages; slot++) {
        const address = chunk.addresses[slot] as number;
        if (chunk.lengths[slot] === 0 || address < first || address >= end) continue;
        const lsn = number * chunkMessages + slot;
        if (lsn >= lsnMin && lsn <= lsnMax) found.push(lsn);
      }
    }
    return found;
  }

  /** Every held Lsn, ascending. */
  lsns(): Float64Array {
    const all = new Float64Array(this.count);
    let at = 0;
    for (const lsn of this.#sparse.keys()) all[at++] = lsn;
    for (const chunk of this.#chunks.values()) {
      if (chunk.live === 0) continue;
      const first = chunk.number * chunkMessages;
      for (let slot = 0; slot < chunkMessages; slot++) if (chunk.lengths[slot] !== 0) all[at++] = first + slot;
    }
    return all.sort();
  }

  #chunk(number: number): Chunk | null {
    const near = this.#near;
    if (near.number === number) return near;
    const chunk = this.#chunks.get(number);
    if (chunk === undefined) return null;
    this.#near = chunk;
    return chunk;
  }

  #openChunk(number: number): Chunk {
    const old = this.#head;
    let chunk = this.#chunks.get(number);
    if (chunk === undefined) {
      chunk = this.#kept.pop() ?? new Chunk(number);
      chunk.number = number;
      this.#chunks.set(number, chunk);
    }
    this.#head = chunk;
    if (old.live === 0 && old.number >= 0) this.#drop(old);
    this.#sweepOne();
    this.#sweepOne();
    return chunk;
  }

  #clear(chunk: Chunk, slot: number): void {
    chunk.lengths[slot] = 0;
    this.count--;
    if (--chunk.live === 0 && chunk !== this.#head) this.#drop(chunk);
  }

  #drop(chunk: Chunk): void {
    this.#chunks.delete(chunk.number);
    if (this.#near === chunk) this.#near = this.#head;
    if (this.#kept.length < keptChunksMax) this.#kept.push(chunk);
    chunk.number = -1;
  }

  /** Looks at one old chunk in turn: a message left alone must not hold 16 KiB. */
  #sweepOne(): void {
    let step = this.#sweep.next();
    if (step.done) {
      this.#sweep = this.#chunks.values();
      step = this.#sweep.next();
    }
    const chunk = step.value as Chunk | undefined;
    if (chunk === undefined || chunk.live > sparseMessagesMax || chunk === this.#head) return;
    if (chunk.number + sparseDistanceChunks > this.#head.number) return;
    const first = chunk.number * chunkMessages;
    for (let slot = 0; slot < chunkMessages; slot++) {
      const length = chunk.lengths[slot] as number;
      if (length === 0) continue;
      chunk.lengths[slot] = 0;
      this.#sparse.set(first + slot, {
        address: chunk.addresses[slot] as number,
        length,
        holder: chunk.holders[slot] as number,
        mask: chunk.masks?.[slot] ?? 0,
      });
    }
    chunk.live = 0;
    this.#drop(chunk);
  }

  #settleSparse(lsn: Lsn, queueId: number): typeof notHeld | typeof heldByOthers | typeof heldByNone {
    const sparse = this.#sparse.get(lsn);
    if (sparse === undefined) return notHeld;
    this.address = sparse.address;
    this.length = sparse.length;
    if (sparse.holder >= setBit) {
      const left = this.#withoutQueue(lsn, sparse.holder, sparse.mask, queueId);
      if (left === sparse.mask) return notHeld;
      sparse.mask = left;
      if (left !== 0) return heldByOthers;
      this.#sets.release(sparse.holder - setBit);
    } else if (sparse.holder !== queueId) return notHeld;
    this.#sparse.delete(lsn);
    this.count--;
    return heldByNone;
  }

  /** A bit a queue; for large sets the number of queues, their names in `#wide`. */
  #maskOf(lsn: Lsn, queueIds: readonly number[]): number {
    if (queueIds.length <= maskedQueuesMax) return fullMask(queueIds.length);
    this.#wide.set(lsn, new Set(queueIds));
    return queueIds.length;
  }

  #withoutQueue(lsn: Lsn, holder: number, mask: number, queueId: number): number {
    const queues = this.#sets.queues(holder - setBit);
    if (queues.length > maskedQueuesMax) {
      const wide = this.#wide.get(lsn) as Set<number>;
      if (!wide.delete(queueId)) return mask;
      if (wide.size === 0) this.#wide.delete(lsn);
      return wide.size;
    }
    const bit = queues.indexOf(queueId);
    return bit < 0 ? mask : (mask & ~(1 << bit)) >>> 0;
  }

  #queues(lsn: Lsn, holder: number, mask: number): number[] {
    if (holder < setBit) return [holder];
    const queues = this.#sets.queues(holder - setBit);
    if (queues.length > maskedQueuesMax) return [...(this.#wide.get(lsn) as Set<number>)];
    return queues.filter((_, bit) => (mask >>> bit) & 1);
  }
}
