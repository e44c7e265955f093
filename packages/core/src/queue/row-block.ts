import type { QueueEntry } from "./queue-entry.ts";
import { compactColumn, type RowColumn } from "./row-column.ts";

/** One row as it leaves. Reused: read it before the next call. */
export interface PagedRow {
  /** The Lsn in the engine, or the position in the spill area, negative; 0 where the row keeps its entry. */
  storedAt: number;
  place: number;
  expiresAtMs: number;
  sizeBytes: number;
  bodyBytes: number;
  redelivered: boolean;
  resident: QueueEntry | null;
}

/** Some rows in order, the oldest first. */
export interface RowBlock {
  readonly count: number;
  /** Copies the row at `index` into `row`. */
  read(index: number, row: PagedRow): void;
  expiresAtMsAt(index: number): number;
}

type Residents = readonly (QueueEntry | null)[] | null;

/** Rows that are being gathered, in columns. */
export class OpenRowBlock implements RowBlock {
  readonly rowsMax: number;
  count = 0;
  readonly #storedAt: Float64Array;
  readonly #place: Float64Array;
  readonly #expiresAtMs: Float64Array;
  readonly #sizeBytes: Float64Array;
  readonly #bodyBytes: Float64Array;
  readonly #redelivered: Float64Array;
  /** Entries that must stay in memory although their place is behind paged ones: what nothing stores. */
  #residents: (QueueEntry | null)[] | null = null;

  constructor(rowsMax: number) {
    this.rowsMax = rowsMax;
    this.#storedAt = new Float64Array(rowsMax);
    this.#place = new Float64Array(rowsMax);
    this.#expiresAtMs = new Float64Array(rowsMax);
    this.#sizeBytes = new Float64Array(rowsMax);
    this.#bodyBytes = new Float64Array(rowsMax);
    this.#redelivered = new Float64Array(rowsMax);
  }

  get full(): boolean {
    return this.count === this.rowsMax;
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
    const index = this.count++;
    this.#storedAt[index] = storedAt;
    this.#place[index] = place;
    this.#expiresAtMs[index] = expiresAtMs;
    this.#sizeBytes[index] = sizeBytes;
    this.#bodyBytes[index] = bodyBytes;
    this.#redelivered[index] = redelivered ? 1 : 0;
    if (resident === null) return;
    this.#residents ??= new Array<QueueEntry | null>(this.rowsMax).fill(null);
    this.#residents[index] = resident;
  }

  read(index: number, row: PagedRow): void {
    row.storedAt = this.#storedAt[index] as number;
    row.place = this.#place[index] as number;
    row.expiresAtMs = this.#expiresAtMs[index] as number;
    row.sizeBytes = this.#sizeBytes[index] as number;
    row.bodyBytes = this.#bodyBytes[index] as number;
    row.redelivered = this.#redelivered[index] === 1;
    row.resident = this.#residents?.[index] ?? null;
  }

  expiresAtMsAt(index: number): number {
    return this.#expiresAtMs[index] as number;
  }

  /** The rows of a full block, compacted. The block is empty again, and its memory used for the next rows. */
  seal(): RowBlock {
    const columns = [
      this.#storedAt,
      this.#place,
      this.#expiresAtMs,
      this.#sizeBytes,
      this.#bodyBytes,
      this.#redelivered,
    ];
    const sealed = new SealedRowBlock(this.count, columns.map(compactColumn), this.#residents);
    this.count = 0;
    this.#residents = null;
    return sealed;
  }
}

/** Rows that nobody adds to. */
class SealedRowBlock implements RowBlock {
  readonly count: number;
  readonly #columns: readonly RowColumn[];
  readonly #residents: Residents;

  constructor(count: number, columns: readonly RowColumn[], residents: Residents) {
    this.count = count;
    this.#columns = columns;
    this.#residents = residents;
  }

  read(index: number, row: PagedRow): void {
    row.storedAt = this.#at(0, index);
    row.place = this.#at(1, index);
    row.expiresAtMs = this.#at(2, index);
    row.sizeBytes = this.#at(3, index);
    row.bodyBytes = this.#at(4, index);
    row.redelivered = this.#at(5, index) === 1;
    row.resident = this.#residents?.[index] ?? null;
  }

  expiresAtMsAt(index: number): number {
    return this.#at(2, index);
  }

  #at(column: number, index: number): number {
    return (this.#columns[column] as RowColumn).at(index);
  }
}
