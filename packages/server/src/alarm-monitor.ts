import { type Broker, sizeMessageSlabs, type Timer, type TurnTask } from "@jackalope/core";
import { setAlarm } from "./alarm-log.ts";
import { MemoryAlarm, type MemoryProbes } from "./memory-alarm.ts";

/** How the monitor looks at the disk. */
export interface DiskProbe {
  /** Bytes free for this process on the disk of the data directory. */
  diskFreeBytes(): Promise<number>;
}

/** The broker whose alarms are set. */
export type MonitoredBroker = Pick<Broker, "alarms" | "clock" | "containment" | "logger" | "store" | "turn">;

export interface AlarmMonitorOptions {
  readonly memory: MemoryProbes;
  readonly disk: DiskProbe;
  /** Bytes alive at which the memory alarm goes on. */
  readonly memoryBytesMax: number;
  /** What the machine has, or the control group may take. */
  readonly availableBytes: number;
  /** Free bytes below which the disk alarm goes on; 0 for never. */
  readonly diskFreeBytesMin: number;
}

const intervalMs = 1000;
/** While memory is short, so that nobody waits long once it is not. */
const shortIntervalMs = 250;
/** The longest time between two looks at the heap where turns follow one another and no timer comes between. */
const turnsMs = 100;
/** What may come before the heap is looked at again: message bytes, or a share of the watermark where that is less. */
const fillBytesMax = 16 * 1024 * 1024;
const fillShareMax = 0.05;
/** Beyond this share of the watermark, messages are kept so that the system has their memory back: fresh pages cost time. */
const largeBacklogShareMin = 0.25;
/** Entries of queues, of a few hundred bytes each. */
const fillEntriesMax = 65_536;

/**
 * Sets the broker's alarms: looks at memory and disk once a second, and at memory besides whenever a turn ends in which
 * much has come. A flood can keep timers from running for as long as it takes to fill any memory.
 */
export class AlarmMonitor implements TurnTask {
  readonly #broker: MonitoredBroker;
  readonly #options: AlarmMonitorOptions;
  readonly #memory: MemoryAlarm;
  readonly #filled: TurnTask = { endTurn: () => this.#lookAtHeap() };
  #timer: Timer | null = null;
  #lookedAtMs = 0;
  #closed = false;
  /** The disk could not be asked the last time: that is logged once. */
  #diskUnknown = false;

  constructor(broker: MonitoredBroker, options: AlarmMonitorOptions) {
    this.#broker = broker;
    this.#options = options;
    const { alarms, clock, logger } = broker;
    const { memory: probes, memoryBytesMax, availableBytes } = options;
    const onFailure = (error: unknown): void => broker.containment.failed("alarm", error);
    this.#memory = new MemoryAlarm({ alarms, clock, logger, probes, memoryBytesMax, availableBytes, onFailure });
  }

  /** Looks for the first time; resolves when the alarms stand as they should, and goes on by itself. */
  async start(): Promise<void> {
    await this.#look();
    if (!this.#closed) this.#broker.turn.watch = this;
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    if (this.#broker.turn.watch === this) this.#broker.turn.watch = null;
  }

  /** For the turn: the time to look may have come, and no timer with it. */
  endTurn(): void {
    if (this.#broker.clock.monotonicMs() - this.#lookedAtMs >= turnsMs) this.#lookAtHeap();
  }

  async #look(): Promise<void> {
    try {
      this.#memory.look();
      this.#looked();
      if (this.#options.diskFreeBytesMin > 0) await this.#lookAtDisk(this.#options.diskFreeBytesMin);
    } catch (error) {
      this.#broker.containment.failed("alarm", error);
    }
    if (this.#closed) return;
    this.#timer = this.#broker.clock.after(this.#memory.on ? shortIntervalMs : intervalMs, () => void this.#look());
  }

  #lookAtHeap(): void {
    if (this.#closed) return;
    this.#memory.lookAtHeap();
    this.#looked();
  }

  #looked(): void {
    const { clock, store } = this.#broker;
    this.#lookedAtMs = clock.monotonicMs();
    sizeMessageSlabs(store.messageBytes >= largeBacklogShareMin * this.#options.memoryBytesMax);
    const fillBytes = Math.min(fillBytesMax, fillShareMax * this.#options.memoryBytesMax);
    store.onceFilled(fillBytes, fillEntriesMax, this.#filled);
  }

  async #lookAtDisk(diskFreeBytesMin: number): Promise<void> {
    const { alarms, logger } = this.#broker;
    try {
      const diskFreeBytes = await this.#options.disk.diskFreeBytes();
      this.#diskUnknown = false;
      if (this.#closed) return;
      setAlarm(alarms, logger, "disk", "free", diskFreeBytes < diskFreeBytesMin, { diskFreeBytes, diskFreeBytesMin });
    } catch (error) {
      // The folder went away under the broker; the store itself reports what follows from that.
      if (!this.#diskUnknown) logger.warn({ error: (error as Error).message }, "cannot read the free disk space");
      this.#diskUnknown = true;
    }
  }
}
