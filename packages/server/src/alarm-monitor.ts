import { statfs } from "node:fs/promises";
import { getHeapStatistics } from "node:v8";
import type { AlarmKind, Alarms, Clock, Logger, Timer } from "@jackalope/core";

/** How the monitor looks at the machine. */
export interface ResourceProbes {
  /** Resident memory of this process in bytes. */
  residentBytes(): number;
  /** Used share of the JavaScript heap's limit, which is often far below the memory there is. */
  heapShare(): number;
  /** Bytes free for this process on the disk of the data directory. */
  diskFreeBytes(): Promise<number>;
}

export interface AlarmMonitorOptions {
  readonly alarms: Alarms;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly probes: ResourceProbes;
  /** Resident bytes at which the memory alarm goes on. */
  readonly memoryBytesMax: number;
  /** Free bytes below which the disk alarm goes on; 0 for never. */
  readonly diskFreeBytesMin: number;
  /** A look failed, and the next one follows all the same. */
  readonly onFailure: (error: unknown) => void;
}

const intervalMs = 1000;
/** Beyond this V8 spends its time collecting, and soon ends the process. */
const heapShareMax = 0.9;

/** Looks at memory and disk once a second and sets the broker's alarms. */
export class AlarmMonitor {
  readonly #options: AlarmMonitorOptions;
  readonly #raised = new Set<string>();
  #timer: Timer | null = null;
  #closed = false;

  constructor(options: AlarmMonitorOptions) {
    this.#options = options;
  }

  /** Looks for the first time; resolves when the alarms stand as they should, and goes on by itself. */
  async start(): Promise<void> {
    await this.#look();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    try {
      await this.#lookOnce();
    } catch (error) {
      this.#options.onFailure(error);
    }
    if (!this.#closed) this.#timer = this.#options.clock.after(intervalMs, () => void this.#look());
  }

  async #lookOnce(): Promise<void> {
    const { probes, memoryBytesMax, diskFreeBytesMin } = this.#options;
    const residentBytes = probes.residentBytes();
    this.#set("memory", "resident", residentBytes >= memoryBytesMax, { residentBytes, memoryBytesMax });
    const heapShare = probes.heapShare();
    this.#set("memory", "heap", heapShare >= heapShareMax, { heapShare, heapShareMax });
    if (diskFreeBytesMin > 0) await this.#lookAtDisk(diskFreeBytesMin);
  }

  async #lookAtDisk(diskFreeBytesMin: number): Promise<void> {
    try {
      const diskFreeBytes = await this.#options.probes.diskFreeBytes();
      this.#set("disk", "free", diskFreeBytes < diskFreeBytesMin, { diskFreeBytes, diskFreeBytesMin });
    } catch (error) {
      // The folder went away under the broker; the store itself reports what follows from that.
      this.#options.logger.warn({ error: (error as Error).message }, "cannot read the free disk space");
    }
  }

  #set(kind: AlarmKind, source: string, on: boolean, facts: Readonly<Record<string, number>>): void {
    if (this.#closed || on === this.#raised.has(source)) return;
    const { alarms, logger } = this.#options;
    if (on) this.#raised.add(source);
    else this.#raised.delete(source);
    if (on) logger.warn({ kind, source, ...facts }, "alarm on: publishers are blocked");
    else logger.info({ kind, source, ...facts }, "alarm off");
    alarms.set(kind, source, on);
  }
}

/** The real machine, with the disk that holds `dataDir`. */
export function machineProbes(dataDir: string): ResourceProbes {
  return {
    residentBytes: () => process.memoryUsage.rss(),
    heapShare: () => {
      const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
      return used / limit;
    },
    diskFreeBytes: async () => {
      const { bavail, bsize } = await statfs(dataDir);
      return bavail * bsize;
    },
  };
}
