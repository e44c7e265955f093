import type { Clock, Timer } from "@jackalope/core/storage";
import type { CommitLoop } from "./commit-loop.ts";
import type { SegmentFiles } from "./segment-files.ts";
import type { SegmentTable } from "./segment-table.ts";

const intervalMs = 1000;

/**
 * Looks once a second whether the file that is written to still stands where the next start will look for it. A file that
 * somebody deleted under the broker takes every write and every sync without an error, and is gone with the process.
 */
export class PresenceWatch {
  readonly #segments: SegmentTable;
  readonly #files: SegmentFiles;
  readonly #commits: CommitLoop;
  readonly #clock: Clock;
  #timer: Timer | null = null;
  #closed = false;

  constructor(segments: SegmentTable, files: SegmentFiles, commits: CommitLoop, clock: Clock) {
    this.#segments = segments;
    this.#files = files;
    this.#commits = commits;
    this.#clock = clock;
    this.#plan();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #plan(): void {
    this.#timer = this.#clock.after(intervalMs, () => {
      this.#look().then(
        () => this.#next(),
        () => this.#next(),
      );
    });
  }

  #next(): void {
    if (!this.#closed) this.#plan();
  }

  async #look(): Promise<void> {
    const segment = this.#segments.list.findLast(({ id }) => id > 0);
    const file = segment?.file ?? null;
    if (segment === undefined || file === null) return;
    const path = this.#files.path(segment.id);
    const stands = await file.standsAt(path);
    if (this.#closed || segment.removal !== null) return;
    this.#commits.setMissing(stands ? null : new Error(`${path} is gone: somebody removed it, or its folder`));
  }
}
