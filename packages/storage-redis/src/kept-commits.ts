import type { EntryWriter } from "./entry-writer.ts";
import type { ScriptCall } from "./script-call.ts";

/** What is left of a commit that Redis has confirmed. */
export interface KeptCommit {
  readonly number: number;
  readonly call: ScriptCall;
  readonly bytes: number;
  /** Whose memory the call looks at. */
  readonly writers: readonly EntryWriter[];
}

const keptBytesMax = 16 * 1024 * 1024;
const keptCommitsMax = 1000;

/**
 * The last commits that Redis has confirmed. A fail-over to a replica that lagged, or a crash between two fsyncs, may
 * make Redis forget the last of them: then they are written again.
 */
export class KeptCommits {
  #commits: KeptCommit[] = [];
  /** The first of them still kept. */
  #head = 0;
  #bytes = 0;

  keep(commit: KeptCommit): void {
    this.#commits.push(commit);
    this.#bytes += commit.bytes;
    while (this.#bytes > keptBytesMax || this.#commits.length - this.#head > keptCommitsMax) {
      const { bytes, writers } = this.#commits[this.#head++] as KeptCommit;
      this.#bytes -= bytes;
      for (const writer of writers) writer.release();
    }
    if (this.#head < keptCommitsMax) return;
    this.#commits = this.#commits.slice(this.#head);
    this.#head = 0;
  }

  /** All commits behind number `last`, null where the first of them is not kept any more. */
  since(last: number): readonly KeptCommit[] | null {
    const kept = this.#commits.slice(this.#head);
    const from = kept.findIndex((commit) => commit.number === last + 1);
    return from < 0 ? null : kept.slice(from);
  }
}
