import type { Logger, Message } from "@jackalope/core/storage";
import type { CommitLoop } from "./commit-loop.ts";
import { acknowledged, type Entry } from "./entry.ts";
import type { MessageReader } from "./message-reader.ts";
import type { Unsettled } from "./unsettled.ts";

export interface CompactorOptions {
  readonly commits: CommitLoop;
  readonly reader: MessageReader;
  readonly unsettled: Unsettled;
  readonly logger: Logger;
  /** Settled messages stay up to so many bytes, and as many as the unsettled ones have. */
  readonly garbageBytesMax: number;
}

/** Entries looked at after a commit, and bytes of those that are moved then. */
const entriesAtOnce = 1000;
const bytesAtOnce = 512 * 1024;
/** Smaller entries are not worth it. */
const entryBytesMin = 2048;

/**
 * One message that is not settled keeps all of its entry in Redis: a session that is offline, or a consumer that forgets
 * a message now and then, would fill it with what others have long settled. So what is left of sparse entries is moved
 * to new ones, a few after each commit, while there is more garbage than messages.
 *
 * The new entry has a later id than its messages' Lsns, and comes in one commit with the deletion of the old one.
 */
export class Compactor {
  readonly #options: CompactorOptions;
  #busy = false;
  /** Garbage at the last round in which nothing was found; looked for again when there is notably more. */
  #fruitlessBytes = 0;
  /** True where something was found since the round began. */
  #found = false;

  constructor(options: CompactorOptions) {
    this.#options = options;
  }

  /** Begins to move something where that is needed. Called after each commit. */
  consider(): void {
    const { unsettled, garbageBytesMax, commits, logger } = this.#options;
    const { bytes, garbageBytes } = unsettled;
    if (garbageBytes <= bytes - garbageBytes + garbageBytesMax) {
      this.#fruitlessBytes = 0;
      return;
    }
    if (this.#busy || commits.failure !== null || garbageBytes < this.#fruitlessBytes * 1.25) return;
    const entries = this.#choose();
    if (entries.length === 0) return;
    this.#busy = true;
    this.#move(entries)
      .catch((error: Error) => logger.warn({ error: error.message }, "cannot move what is left of sparse entries yet"))
      .finally(() => {
        this.#busy = false;
      });
  }

  #choose(): Entry[] {
    const { unsettled } = this.#options;
    const chosen: Entry[] = [];
    let looked = 0;
    let bytes = 0;
    const over = unsettled.round((entry) => {
      const sparse = entry.live * 2 <= entry.count && entry.bytes >= entryBytesMin;
      if (sparse && !entry.finished && entry.is(acknowledged)) {
        chosen.push(entry);
        bytes += entry.bytes;
      }
      return ++looked < entriesAtOnce && bytes < bytesAtOnce;
    });
    if (chosen.length > 0) this.#found = true;
    if (over) {
      this.#fruitlessBytes = this.#found ? 0 : unsettled.garbageBytes;
      this.#found = false;
    }
    return chosen;
  }

  async #move(entries: readonly Entry[]): Promise<void> {
    const { reader, commits } = this.#options;
    const lsns = entries.flatMap(liveLsns);
    const messages = new Map<number, Message>();
    for (const message of await reader.read(lsns)) messages.set(message.lsn, message);
    if (commits.failure !== null) return;
    for (const entry of entries) if (!entry.finished) this.#replace(entry, messages);
    commits.added();
    commits.request();
  }

  #replace(entry: Entry, messages: ReadonlyMap<number, Message>): void {
    const { commits, reader, unsettled } = this.#options;
    const lsns = liveLsns(entry);
    const writer = commits.gathering.begin(entry.streamId, lsns[0] as number, ++commits.lastLsn);
    for (const lsn of lsns) {
      const queueIds = entry.holdersOf(entry.placeOf(lsn));
      writer.add(lsn, messages.get(lsn) as Message, queueIds);
    }
    reader.begun(writer);
    unsettled.replace(entry, writer.entry);
    entry.retire();
    // As in an atomic group: the old entry must not go before the new one is there.
    commits.gathering.touch(entry, true);
  }
}

function liveLsns(entry: Entry): number[] {
  const lsns: number[] = [];
  for (let place = 0; place < entry.count; place++) if (!entry.isSettled(place)) lsns.push(entry.lsnAt(place));
  return lsns;
}
