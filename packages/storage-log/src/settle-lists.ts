import type { Lsn } from "@jackalope/core/storage";
import { settleKind } from "./layout.ts";
import { unzigzag, VarintReader, varintBytesMax, writeVarint, zigzag } from "./varint.ts";

const headerBytes = 20;

/** Lists are kept between batches for so many queues and so many messages each; the rest goes to the collector. */
const keptQueuesMax = 256;
const keptMessagesMax = 4096;

/** What one batch settles of one queue, in the order of the calls. */
class SettleList {
  readonly queueId: number;
  lsns: Float64Array = new Float64Array(16);
  count = 0;

  constructor(queueId: number) {
    this.queueId = queueId;
  }

  add(lsn: Lsn): void {
    if (this.count === this.lsns.length) {
      const grown = new Float64Array(this.count * 2);
      grown.set(this.lsns);
      this.lsns = grown;
    }
    this.lsns[this.count++] = lsn;
  }

  clear(): void {
    this.count = 0;
    if (this.lsns.length > keptMessagesMax) this.lsns = new Float64Array(16);
  }
}

/** The settled messages of one batch, gathered by queue: a thousand acknowledgements become one record. */
export class SettleLists {
  #lists = new Map<number, SettleList>();
  #used: SettleList[] = [];
  #last: SettleList | null = null;

  get empty(): boolean {
    return this.#used.length === 0;
  }

  add(queueId: number, lsn: Lsn): void {
    let list = this.#last;
    if (list === null || list.queueId !== queueId) {
      list = this.#list(queueId);
      this.#last = list;
    }
    if (list.count === 0) this.#used.push(list);
    list.add(lsn);
  }

  /** Calls `write` for every queue with its messages. */
  drain(write: (queueId: number, lsns: Float64Array, count: number) => void): void {
    for (const list of this.#used) {
      write(list.queueId, list.lsns, list.count);
      list.clear();
    }
    this.#used.length = 0;
    if (this.#lists.size > keptQueuesMax) {
      this.#lists.clear();
      this.#last = null;
    }
  }

  #list(queueId: number): SettleList {
    let list = this.#lists.get(queueId);
    if (list === undefined) {
      list = new SettleList(queueId);
      this.#lists.set(queueId, list);
    }
    return list;
  }
}

/** Bytes that `encodeSettles` takes at most for `count` messages. */
export function settlesBytesMax(count: number): number {
  return headerBytes + count * 2 * varintBytesMax;
}

/** Writes a settle record but for crc and length; returns the offset behind it. */
export function encodeSettles(
  buffer: Uint8Array,
  view: DataView,
  start: number,
  queueId: number,
  lsns: Float64Array,
  count: number,
): number {
  let at = start + headerBytes;
  let runs = 0;
  let previousEnd = 0;
  for (let index = 0; index < count; ) {
    const first = lsns[index] as number;
    let length = 1;
    while (index + length < count && lsns[index + length] === first + length) length++;
    at = writeVarint(buffer, at, zigzag(first - previousEnd));
    at = writeVarint(buffer, at, length);
    previousEnd = first + length;
    index += length;
    runs++;
  }
  view.setUint32(start + 8, settleKind, true);
  view.setUint32(start + 12, queueId, true);
  view.setUint32(start + 16, runs, true);
  return at;
}

/** Calls `visit` for every message in the settle record at `start`. */
export function visitSettles(
  buffer: Uint8Array,
  view: DataView,
  start: number,
  visit: (queueId: number, lsn: Lsn) => void,
): void {
  const queueId = view.getUint32(start + 12, true);
  const runs = view.getUint32(start + 16, true);
  const reader = new VarintReader(buffer, start + headerBytes);
  let previousEnd = 0;
  for (let run = 0; run < runs; run++) {
    const first = previousEnd + unzigzag(reader.next());
    const length = reader.next();
    for (let lsn = first; lsn < first + length; lsn++) visit(queueId, lsn);
    previousEnd = first + length;
  }
}
