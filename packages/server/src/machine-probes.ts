import { statfs } from "node:fs/promises";
import { getHeapStatistics } from "node:v8";
import type { Broker } from "@jackalope/core";
import type { DiskProbe } from "./alarm-monitor.ts";
import { collectGarbage } from "./collect-garbage.ts";
import type { HeapReading, MemoryProbes } from "./memory-alarm.ts";

/** The real process, with what the broker counts itself. */
export function memoryProbes(broker: Broker): MemoryProbes {
  return {
    heap: readHeap,
    residentBytes: () => process.memoryUsage.rss(),
    countedBytes: () => broker.messageBytes,
    messages: () => countMessages(broker),
    collectGarbage,
  };
}

function readHeap(): HeapReading {
  // V8 frees the memory of buffers on another thread, and takes it off its sum when the next buffer is made: in an idle
  // process that is never.
  new ArrayBuffer(1);
  const statistics = getHeapStatistics();
  return {
    heapBytes: statistics.used_heap_size,
    heapBytesMax: statistics.heap_size_limit,
    externalBytes: statistics.external_memory,
  };
}

/** Ready and unacknowledged, in memory or not. */
function countMessages(broker: Broker): number {
  let count = 0;
  for (const host of broker.virtualHosts.values()) {
    for (const queue of host.queues.values()) count += queue.readyCount + queue.unackedCount;
  }
  return count;
}

/** The disk that holds `dataDir`. */
export function diskProbe(dataDir: string): DiskProbe {
  return {
    diskFreeBytes: async () => {
      const { bavail, bsize } = await statfs(dataDir);
      return bavail * bsize;
    },
  };
}
