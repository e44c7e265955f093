import type { AlarmFacts, Alarms, Clock, Logger } from "@jackalope/core";
import { setAlarm } from "./alarm-log.ts";
import { CollectionPace } from "./collection-pace.ts";

/** What the process has of the JavaScript heap, and beside it for buffers. Both contain what nobody uses any more. */
export interface HeapReading {
  readonly heapBytes: number;
  readonly heapBytesMax: number;
  readonly externalBytes: number;
}

/** How memory is looked at. */
export interface MemoryProbes {
  heap(): HeapReading;
  /** Resident memory of this process. Throws where the system has no descriptor left to tell it. */
  residentBytes(): number;
  /** What the broker itself counts of messages in memory and of frames that it holds, exactly and without any overhead. */
  countedBytes(): number;
  /** About what definitions and connections take of the heap. */
  topologyBytes(): number;
  /** Collects the whole heap, and does nothing else meanwhile. */
  collectGarbage(): void;
}

export interface MemoryAlarmOptions {
  readonly alarms: Alarms;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly probes: MemoryProbes;
  /** Bytes alive at which the alarm goes on. */
  readonly memoryBytesMax: number;
  /** What the machine has, or the control group may take. */
  readonly availableBytes: number;
  readonly onFailure: (error: unknown) => void;
}

/** The alarm ends below this share of the watermark: at one and the same byte it would come and go with every message. */
const endShareMax = 0.95;
/** Beyond this V8 spends its time collecting, and soon ends the process. */
const heapShareMax = 0.9;
/** Resident memory beyond this share of the control group's or the machine's is near the end of the process. */
const residentShareMax = 0.9;
/** What is alive has to be this share of the watermark for it: otherwise the allocator has kept most of it, and reuses it. */
const residentAliveShareMin = 0.5;
/** From this share of the watermark on, in resident memory, what a backlog leaves behind is worth a collection. */
const leftBehindShareMin = 0.5;

/**
 * Keeps the memory alarm, which has three sources:
 *
 *     alive     heap and buffers in use, or what the broker counts, have reached the watermark
 *     heap      the JavaScript heap is near its own limit
 *     resident  the process is near the end of the control group or the machine
 *
 * Nothing collects an idle heap, so while one of them is on it collects.
 */
export class MemoryAlarm {
  readonly #options: MemoryAlarmOptions;
  readonly #pace = new CollectionPace();
  #residentBytes = 0;
  #pacing = false;

  constructor(options: MemoryAlarmOptions) {
    this.#options = options;
  }

  get on(): boolean {
    return this.#options.alarms.isOn("memory");
  }

  /** Measures everything, sets the alarm, and collects where that is due. */
  look(): void {
    this.#readResident();
    const heapBytes = this.lookAtHeap();
    this.#collect(heapBytes);
  }

  /** Sets the alarm by what costs microseconds to know. Returns the bytes of the heap. */
  lookAtHeap(): number {
    const { alarms, probes, memoryBytesMax, availableBytes } = this.#options;
    const { heapBytes, heapBytesMax, externalBytes } = probes.heap();
    const countedBytes = probes.countedBytes();
    const aliveBytes = Math.max(heapBytes + externalBytes, countedBytes);
    const residentBytes = this.#residentBytes;
    const topologyBytes = probes.topologyBytes();
    const facts = {
      aliveBytes,
      memoryBytesMax,
      heapBytes,
      externalBytes,
      countedBytes,
      topologyBytes,
      residentBytes,
    };
    const share = alarms.has("memory", "alive") ? endShareMax : 1;
    this.#set("alive", aliveBytes >= share * memoryBytesMax, facts);
    this.#set("heap", heapBytes >= heapShareMax * heapBytesMax, { heapBytes, heapBytesMax, heapShareMax });
    const residentBytesMax = Math.round(residentShareMax * availableBytes);
    const nearEnd = residentBytes >= residentBytesMax && aliveBytes >= residentAliveShareMin * memoryBytesMax;
    this.#set("resident", nearEnd, { residentBytes, residentBytesMax, aliveBytes });
    return heapBytes;
  }

  #set(source: string, on: boolean, facts: AlarmFacts): void {
    const { alarms, logger } = this.#options;
    setAlarm(alarms, logger, "memory", source, on, facts);
  }

  #readResident(): void {
    try {
      this.#residentBytes = this.#options.probes.residentBytes();
    } catch (error) {
      this.#options.onFailure(error);
    }
  }

  /** While the alarm is on; and after a backlog is gone, for the system to have its memory back. */
  #collect(heapBytes: number): void {
    const { probes, clock, memoryBytesMax, logger } = this.#options;
    if (!this.on && this.#residentBytes < leftBehindShareMin * memoryBytesMax) {
      this.#pacing = false;
      return;
    }
    const countedBytes = probes.countedBytes();
    if (!this.#pacing) {
      this.#pacing = true;
      this.#pace.begin(clock.monotonicMs(), countedBytes, heapBytes);
      return;
    }
    const startedMs = clock.monotonicMs();
    if (!this.#pace.due(startedMs, countedBytes, this.on)) return;
    probes.collectGarbage();
    const endedMs = clock.monotonicMs();
    this.#pace.made(endedMs, endedMs - startedMs, countedBytes);
    logger.debug({ tookMs: Math.round(endedMs - startedMs), heapBytes, countedBytes }, "heap collected");
    this.lookAtHeap();
  }
}
