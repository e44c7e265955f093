import type { DurableExtent } from "./durable-mark.ts";
import type { Segment } from "./segment.ts";

/** What of these segments, in the order of the log, is durable and stays: one that is being deleted is asked for no more. */
export function durableExtent(segments: readonly Segment[]): DurableExtent {
  const staying = segments.filter(({ id, removal }) => id > 0 && removal === null);
  const oldest = staying[0];
  const newest = staying.at(-1);
  return {
    oldestId: oldest?.id ?? 0,
    newestId: newest?.id ?? 0,
    newestBytes: newest?.syncedBytes ?? 0,
  };
}
