import { statfs } from "node:fs/promises";
import { getHeapStatistics } from "node:v8";
import type { Broker } from "@jackalope/core";
import type { DiskProbe } from "./alarm-monitor.ts";
import { collectGarbage } from "./collect-garbage.ts";
import type { Config } from "./config/config.ts";
import { spillDirectoryOf } from "./spill-area.ts";
import type { HeapReading, MemoryProbes } from "./memory-alarm.ts";

/** The real process, with what the broker counts itself. */
export function memoryProbes(broker: Broker): MemoryProbes {
  return {
    heap: readHeap,
    residentBytes: () => process.memoryUsage.rss(),
    countedBytes: () => broker.messageBytes + broker.heldTotal.bytes,
    topologyBytes: () => broker.topologyAccounts.total.bytes,
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

/** The disks that hold `folders`: the fullest counts, and infinitely much is free where there is none. */
export function diskProbe(folders: () => readonly string[]): DiskProbe {
  return {
    diskFreeBytes: async () => {
      let freeBytes = Number.POSITIVE_INFINITY;
      for (const folder of folders()) {
        const { bavail, bsize } = await statfs(folder);
        freeBytes = Math.min(freeBytes, bavail * bsize);
      }
      return freeBytes;
    },
  };
}

/** The folders that `broker` writes to. */
export function writtenFolders(broker: Broker, config: Config): string[] {
  const folders = broker.storage.name === "embedded" ? [config.dataDir] : [];
  const spillDirectory = spillDirectoryOf(config);
  const spilled = broker.store.spillArea?.statistics();
  // A nearly full disk matters to nobody who does not use it. The folder is there once something is in a file.
  const spills = spilled !== undefined && spilled.messages > 0 && spilled.fileBytes > 0;
  if (spills && spillDirectory !== null) folders.push(spillDirectory);
  return folders;
}
