import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Attack } from "./attack.ts";
import { type AttackTerms, runAttacker } from "./attack-process.ts";
import { Newcomers } from "./quiet/newcomers.ts";
import { QuietClients } from "./quiet/quiet-clients.ts";
import type { Waits } from "./quiet/waits.ts";
import { Broker, type BrokerOptions } from "./stage/broker.ts";
import { openStore, type StoreName } from "./stage/store.ts";
import { until } from "./waiting.ts";

export interface HostileOptions extends AttackTerms {
  /** What a client that was there may wait, at most. */
  readonly waitMsMax: number;
  /** What a new client may wait from the connection to its own message. */
  readonly newcomerMsMax: number;
}

/** What became of one attack. */
export interface AttackResult {
  readonly name: string;
  readonly store: StoreName;
  readonly seconds: number;
  readonly startMiB: number;
  readonly peakMiB: number;
  readonly afterMiB: number;
  readonly waits: string;
  readonly notes: readonly string[];
  /** Empty where the broker stood it. */
  readonly failures: readonly string[];
}

const settleMs = 30_000;
const ceilingMiB = 2048;
const defaults = { heapMiB: 512, descriptors: 8192, peakMiBMax: 300, afterMiBMax: 200 } as const;

/** Starts a broker, lets one attack loose on it, and looks at the broker and at everybody else. */
export async function attackOnce(attack: Attack, store: StoreName, options: HostileOptions): Promise<AttackResult> {
  const folder = mkdtempSync(join(tmpdir(), "jackalope-hostile-"));
  mkdirSync(folder, { recursive: true });
  const opened = await openStore(store, folder);
  const run = new AttackRun(attack, options, {
    store: opened.arguments,
    arguments: attack.arguments ?? [],
    heapMiB: attack.heapMiB ?? defaults.heapMiB,
    descriptors: attack.descriptors ?? defaults.descriptors,
    ceilingMiB,
  });
  try {
    return { name: attack.name, store, ...(await run.play()) };
  } finally {
    await opened.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

class AttackRun {
  readonly #attack: Attack;
  readonly #options: HostileOptions;
  readonly #brokerOptions: BrokerOptions;
  readonly #notes: string[] = [];
  readonly #failures: string[] = [];

  constructor(attack: Attack, options: HostileOptions, brokerOptions: BrokerOptions) {
    this.#attack = attack;
    this.#options = options;
    this.#brokerOptions = brokerOptions;
  }

  async play(): Promise<Omit<AttackResult, "name" | "store">> {
    const startedMs = performance.now();
    const broker = await Broker.start(this.#brokerOptions);
    const quiet = await QuietClients.open(broker.ports);
    const newcomers = this.#attack.refusesNewcomers === true ? null : new Newcomers(broker.ports);
    const waits = [...quiet.waits, ...(newcomers?.waits ?? [])];
    const seen = { startMiB: 0, peakMiB: 0, afterMiB: 0 };
    try {
      await until("everybody served before it begins", () => waits.every(({ count }) => count > 0), settleMs);
      for (const wait of waits) wait.clear();
      broker.resetPeak();
      seen.startMiB = broker.residentMiB;
      await this.#attackOn(broker);
      await this.#checkAfter(broker, seen.startMiB, waits);
      seen.afterMiB = broker.residentMiB;
    } catch (error) {
      this.#failures.push((error as Error).message);
    } finally {
      seen.peakMiB = broker.peakMiB;
      this.#checkPeak(seen.peakMiB - seen.startMiB);
      this.#checkWaits(quiet.waits, this.#options.waitMsMax);
      this.#checkWaits(newcomers?.waits ?? [], this.#attack.newcomerMsMax ?? this.#options.newcomerMsMax);
      await quiet.close();
      await newcomers?.close();
    }
    await this.#finish(broker);
    const seconds = (performance.now() - startedMs) / 1000;
    return { seconds, ...seen, waits: waits.join(", "), notes: this.#notes, failures: this.#failures };
  }

  async #attackOn(broker: Broker): Promise<void> {
    const { notes, failures } = await runAttacker(this.#attack, broker, this.#options);
    this.#notes.push(...notes);
    this.#failures.push(...failures);
  }

  /** Everybody is served again, and memory is near that of the start within a time. */
  async #checkAfter(broker: Broker, startMiB: number, waits: readonly Waits[]): Promise<void> {
    const counts = waits.map(({ count }) => count);
    const served = (): boolean => waits.every(({ count }, index) => count >= (counts[index] as number) + 2);
    await until("everybody served after it", () => served() || broker.ending !== null, settleMs);
    if (broker.ending !== null) return;
    const growthMiBMax = this.#attack.afterMiBMax ?? defaults.afterMiBMax;
    const near = (): boolean => broker.residentMiB - startMiB <= growthMiBMax || broker.ending !== null;
    await until(`memory to come down to ${growthMiBMax} MiB over the start`, near, settleMs);
  }

  #checkPeak(growthMiB: number): void {
    const growthMiBMax = this.#attack.peakMiBMax ?? defaults.peakMiBMax;
    if (growthMiB <= growthMiBMax) return;
    this.#failures.push(`memory was ${growthMiB.toFixed(0)} MiB over the start, ${growthMiBMax} are allowed`);
  }

  #checkWaits(waits: readonly Waits[], msMax: number): void {
    for (const wait of waits) {
      if (wait.failure !== null) this.#failures.push(`${wait.name}: ${wait.failure}`);
      if (wait.longestMs > msMax) {
        this.#failures.push(`${wait.name} waited ${wait.longestMs.toFixed(0)} ms, ${msMax} are allowed`);
      }
    }
  }

  async #finish(broker: Broker): Promise<void> {
    if (broker.ending !== null) this.#failures.push(`${broker.ending}\n${broker.lastWords()}`);
    await broker.end("SIGTERM");
    this.#checkLog(broker);
    if (this.#attack.restarts !== true) return;
    try {
      const second = await Broker.start(this.#brokerOptions);
      this.#notes.push(`started again with ${second.residentMiB.toFixed(0)} MiB`);
      await (await QuietClients.open(second.ports)).close();
      await second.end("SIGTERM");
      this.#checkLog(second);
    } catch (error) {
      this.#failures.push(`started again: ${(error as Error).message}`);
    }
  }

  #checkLog(broker: Broker): void {
    const faults = broker.faults(this.#attack.expectedErrors ?? null);
    if (faults.length > 0) {
      this.#failures.push(`${faults.length} errors in the log: ${faults.slice(0, 3).join(" | ").slice(0, 800)}`);
    }
  }
}
