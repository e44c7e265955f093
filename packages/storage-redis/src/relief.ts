import type { Commit } from "./commit.ts";
import type { RedisConnection } from "./connection.ts";
import { acknowledged, type Entry, relieved } from "./entry.ts";
import { entryId, type Keys } from "./layout.ts";
import type { Argument } from "./redis-client.ts";

/** Entries deleted in one go, over all streams: Lua's stack takes about 8,000. */
const entriesMax = 1000;

/**
 * Deletes what is wholly settled ahead of the commits that wait: where Redis is out of memory, nothing else gets through.
 * That is allowed, since a settle may survive a crash that earlier writes do not survive. It is not where an atomic group
 * that is not durable settled something in the entry: the rest of the group might be lost.
 */
export function relieve(connection: RedisConnection, keys: Keys, writer: string, commits: readonly Commit[]): void {
  const entries = relievable(commits);
  if (entries.length === 0) return;
  const byStream = new Map<number, string[]>();
  for (const entry of entries) {
    const ids = byStream.get(entry.streamId) ?? [];
    ids.push(entryId(entry.idLsn));
    byStream.set(entry.streamId, ids);
  }
  const streams = [...byStream.keys()].map((streamId) => keys.stream(streamId));
  const args: Argument[] = [writer];
  for (const ids of byStream.values()) args.push(ids.length, ...ids);
  connection.script("relieve", [keys.state, ...streams], args).then(
    () => {
      for (const entry of entries) entry.mark(relieved);
    },
    () => {
      // The commit that waits tells of it, and the next attempt asks again.
    },
  );
}

function relievable(commits: readonly Commit[]): Entry[] {
  const grouped = new Set(commits.flatMap((commit) => [...(commit.grouped ?? [])]));
  const entries = new Set<Entry>();
  for (const commit of commits) {
    for (const entry of commit.touched) {
      if (!entry.finished || !entry.is(acknowledged) || entry.is(relieved) || grouped.has(entry)) continue;
      entries.add(entry);
      if (entries.size >= entriesMax) return [...entries];
    }
  }
  return [...entries];
}
