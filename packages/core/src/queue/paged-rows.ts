import { WaitingLine } from "../waiting-line.ts";
import type { QueueEntry } from "./queue-entry.ts";
import { OpenRowBlock, type PagedRow, type RowBlock } from "./row-block.ts";

const firstBlockRows = 16;
const blockRowsMax = 1024;

/**
 * The part of a ready list that is not in memory: first in, first out. A full block of rows is compacted, to a few bytes
 * a row where the messages are much alike, and to about 30 at the most: a backlog in a hundred queues is a hundred times
 * its rows.
 */
export class PagedRows {
  /** Without rows there is none. */
  #open: OpenRowBlock | null = null;
  readonly #sealed = new WaitingLine<RowBlock>();
  /** The oldest rows, and how many of them have left. Null where those are in `#open`. */
  #head: RowBlock | null = null;
  #taken = 0;
  #count = 0;
  readonly #row: PagedRow = {
    storedAt: 0,
    place: 0,
    expiresAtMs: 0,
    sizeBytes: 0,
    bodyBytes: 0,
    redelivered: false,
    resident: null,
  };

  get count(): number {
    return this.#count;
  }

  push(
    storedAt: number,
    place: number,
    expiresAtMs: number,
    sizeBytes: number,
    bodyBytes: number,
    redelivered: boolean,
    resident: QueueEntry | null,
  ): void {
    // Ten thousand restored queues with a message each must not take a full block each.
    const block = (this.#open ??= new OpenRowBlock(firstBlockRows));
    block.push(storedAt, place, expiresAtMs, sizeBytes, bodyBytes, redelivered, resident);
    this.#count++;
    if (block.full) this.#seal(block);
  }

  /** When the oldest row's message runs out, 0 for never and where there is none. */
  get headExpiresAtMs(): number {
    return this.#count === 0 ? 0 : this.#oldest().expiresAtMsAt(this.#taken);
  }

  /** Removes the oldest row, or returns null. The row object is reused. */
  shift(): PagedRow | null {
    if (this.#count === 0) return null;
    const block = this.#oldest();
    block.read(this.#taken++, this.#row);
    this.#count--;
    if (this.#taken === block.count) this.#dropHead();
    return this.#row;
  }

  #oldest(): RowBlock {
    this.#head ??= this.#sealed.shift() ?? null;
    return this.#head ?? (this.#open as OpenRowBlock);
  }

  #dropHead(): void {
    if (this.#head === null) this.#open = null;
    this.#head = null;
    this.#taken = 0;
  }

  #seal(block: OpenRowBlock): void {
    const sealed = block.seal();
    // What had left of the open block has left of the sealed one.
    if (this.#head === null && this.#sealed.length === 0) this.#head = sealed;
    else this.#sealed.push(sealed);
    if (block.rowsMax < blockRowsMax) this.#open = new OpenRowBlock(block.rowsMax * 2);
  }
}
