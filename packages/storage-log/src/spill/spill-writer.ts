import type { Clock, SpillListener, Timer } from "@jackalope/core/storage";
import { writeFully } from "../write-fully.ts";
import type { SpillFolder } from "./spill-folder.ts";
import type { SpillTail } from "./spill-tail.ts";

const retryMs = 1000;

/**
 * Writes what the tail has gathered, one write at a time, without a sync.
 *
 *     idle ──▶ writing ──▶ idle
 *                 │ ▲
 *            error▼ │retryMs
 *               failing          what waits stays in memory, and the listener knows
 */
export class SpillWriter {
  writtenBytes = 0;
  readonly #tail: SpillTail;
  readonly #folder: SpillFolder;
  readonly #clock: Clock;
  readonly #listener: SpillListener;
  #running: Promise<void> | null = null;
  #retry: Timer | null = null;
  #failing = false;
  #closed = false;

  constructor(tail: SpillTail, folder: SpillFolder, clock: Clock, listener: SpillListener) {
    this.#tail = tail;
    this.#folder = folder;
    this.#clock = clock;
    this.#listener = listener;
  }

  get failing(): boolean {
    return this.#failing;
  }

  /** Begins to write unless it does so. */
  request(): void {
    if (this.#running !== null || this.#retry !== null || this.#closed || !this.#tail.pending) return;
    this.#running = this.#run();
  }

  /** Nothing is written when it resolves, or will be. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#retry?.cancel();
    await this.#running;
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    try {
      while (this.#tail.pending && !this.#closed) await this.#writeNext();
      if (this.#failing && !this.#closed) this.#recovered();
    } catch (error) {
      this.#failed(error as Error);
    }
    this.#running = null;
    // Something may have come between the last look and here.
    this.request();
  }

  async #writeNext(): Promise<void> {
    const batches = this.#tail.next();
    const [first] = batches;
    if (first === undefined) return;
    const { segment } = first;
    for (const batch of batches) batch.writing = true;
    try {
      if (segment.file === null) await this.#folder.create(segment);
      if (segment.file === null) throw new Error("no file");
      const buffers = batches.map((batch) => batch.bytes);
      this.writtenBytes += await writeFully(segment.file, buffers, first.start);
    } catch (error) {
      this.#tail.unwritten(batches);
      throw error;
    }
    this.#tail.written(batches);
    if (this.#failing) this.#recovered();
    this.#listener.spillWritten();
  }

  #failed(error: Error): void {
    if (this.#closed) return;
    this.#retry = this.#clock.after(retryMs, () => {
      this.#retry = null;
      if (this.#closed) return;
      this.#running = this.#run();
    });
    if (this.#failing) return;
    this.#failing = true;
    this.#listener.spillFailed(error);
  }

  #recovered(): void {
    this.#failing = false;
    this.#listener.spillRecovered();
  }
}
