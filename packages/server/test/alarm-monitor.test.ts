import {
  Alarms,
  Broker,
  type LogFields,
  type Logger,
  MemoryStorage,
  silentLogger,
  type TurnTask,
} from "@jackalope/core";
import { FakeClock } from "@jackalope/testkit";
import { describe, expect, test, vi } from "vitest";
import { AlarmMonitor, type MonitoredBroker } from "../src/alarm-monitor.ts";
import type { Config } from "../src/config/config.ts";
import { diskProbe, memoryProbes, writtenFolders } from "../src/machine-probes.ts";

/** Memory in numbers that are set by hand. */
class FakeMachine {
  heapBytes = 50;
  externalBytes = 50;
  heapBytesMax = 10_000;
  counted = 0;
  resident: number | Error = 100;
  diskFree: number | Error = 1000;
  /** What a collection leaves; null where it finds no garbage. */
  liveBytes: number | null = null;
  collections = 0;
  readonly clock: FakeClock;
  collectionMs = 0;

  constructor(clock: FakeClock) {
    this.clock = clock;
  }

  heap(): { heapBytes: number; heapBytesMax: number; externalBytes: number } {
    const { heapBytes, heapBytesMax, externalBytes } = this;
    return { heapBytes, heapBytesMax, externalBytes };
  }

  countedBytes(): number {
    return this.counted;
  }

  topologyBytes(): number {
    return 7;
  }

  residentBytes(): number {
    if (this.resident instanceof Error) throw this.resident;
    return this.resident;
  }

  collectGarbage(): void {
    this.collections++;
    this.clock.stand(this.collectionMs);
    if (this.liveBytes === null) return;
    this.heapBytes = this.liveBytes;
    this.externalBytes = 0;
  }

  diskFreeBytes(): Promise<number> {
    return this.diskFree instanceof Error ? Promise.reject(this.diskFree) : Promise.resolve(this.diskFree);
  }
}

async function startMonitor(logger: Logger = silentLogger, diskFreeBytesMin = 500, memoryBytesMax = 200) {
  const clock = new FakeClock();
  const machine = new FakeMachine(clock);
  const failures: unknown[] = [];
  const filled: TurnTask[] = [];
  const alarms = new Alarms();
  const turn: { watch: TurnTask | null } = { watch: null };
  const broker = {
    alarms,
    clock,
    logger,
    turn,
    containment: { failed: (_: string, error: unknown) => void failures.push(error) },
    store: {
      messageBytes: 0,
      onceFilled: (_bytes: number, _entries: number, task: TurnTask) => void filled.push(task),
    },
  } as unknown as MonitoredBroker;
  const monitor = new AlarmMonitor(broker, {
    memory: machine,
    disk: machine,
    memoryBytesMax,
    availableBytes: 1000,
    diskFreeBytesMin,
  });
  await monitor.start();
  /** One more look; resolves when the monitor waits for the next one. */
  const nextLook = async (ms = 1000) => {
    clock.advance(ms);
    for (let turns = 0; clock.pendingCount === 0 && turns < 1000; turns++) await new Promise(setImmediate);
    expect(clock.pendingCount).toBe(1);
  };
  return { alarms, clock, machine, monitor, failures, filled, turn, nextLook };
}

const sources = (alarms: Alarms): string[] => alarms.raised.map(({ source }) => source);

describe("the memory alarm", () => {
  test("follows what is alive, not what is resident", async () => {
    const { alarms, machine, nextLook } = await startMonitor();
    machine.resident = 800;
    await nextLook();
    expect(alarms.reason).toBe("");
    machine.externalBytes = 150;
    await nextLook();
    expect(alarms.reason).toBe("low on memory");
    expect(alarms.raised).toMatchObject([
      { kind: "memory", source: "alive", facts: { aliveBytes: 200, memoryBytesMax: 200, residentBytes: 800 } },
    ]);
    machine.externalBytes = 140;
    await nextLook(250);
    expect(alarms.reason).toBe("low on memory");
    machine.externalBytes = 139;
    await nextLook(250);
    expect(alarms.reason).toBe("");
  });

  test("follows what the broker counts where that is more", async () => {
    const { alarms, machine, nextLook } = await startMonitor();
    machine.counted = 200;
    await nextLook();
    expect(sources(alarms)).toEqual(["alive"]);
    machine.counted = 189;
    await nextLook();
    expect(sources(alarms)).toEqual([]);
  });

  test("is raised by a heap near its own limit", async () => {
    const { alarms, machine, nextLook } = await startMonitor();
    machine.heapBytesMax = 55;
    await nextLook();
    expect(sources(alarms)).toEqual(["heap"]);
  });

  test("is raised by resident memory near the end of the group, where it is not the allocator's", async () => {
    const { alarms, machine, nextLook } = await startMonitor();
    machine.resident = 900;
    machine.heapBytes = 49;
    await nextLook();
    expect(sources(alarms)).toEqual([]);
    machine.heapBytes = 50;
    await nextLook();
    expect(sources(alarms)).toEqual(["resident"]);
    machine.resident = 899;
    await nextLook();
    expect(sources(alarms)).toEqual([]);
  });

  test("ends by a collection where nothing else collects: at the first look after a drain", async () => {
    const { alarms, machine, nextLook } = await startMonitor();
    machine.externalBytes = 300;
    machine.counted = 1000;
    machine.liveBytes = 350;
    await nextLook();
    for (let look = 0; look < 8; look++) await nextLook(250);
    expect([alarms.reason, machine.collections > 0]).toEqual(["low on memory", true]);
    machine.counted = 0;
    machine.liveBytes = 50;
    await nextLook(250);
    expect(alarms.reason).toBe("");
  });

  test("collects for a twentieth of the time at most", async () => {
    const { machine, nextLook } = await startMonitor();
    machine.collectionMs = 1000;
    machine.externalBytes = 300;
    machine.counted = 150_000_000;
    machine.liveBytes = 350;
    for (let look = 0; look < 4 * 60; look++) await nextLook(250);
    expect(machine.collections).toBeGreaterThanOrEqual(1);
    expect(machine.collections).toBeLessThanOrEqual(3);
    // What has gone is no work for the collector.
    const before = machine.collections;
    machine.counted = 0;
    machine.collectionMs = 1;
    machine.liveBytes = 50;
    await nextLook(250);
    expect(machine.collections).toBe(before + 1);
  });

  test("is set at the end of a turn that brought much, whatever becomes of the timers", async () => {
    const { alarms, machine, filled } = await startMonitor();
    machine.externalBytes = 200;
    filled.at(-1)?.endTurn();
    expect(alarms.reason).toBe("low on memory");
  });

  test("is set at the ends of turns that follow one another for long", async () => {
    const { alarms, clock, machine, turn } = await startMonitor();
    machine.externalBytes = 200;
    turn.watch?.endTurn();
    expect(alarms.reason).toBe("");
    clock.stand(100);
    turn.watch?.endTurn();
    expect(alarms.reason).toBe("low on memory");
  });

  test("stands as it is where resident memory cannot be read, and that is told", async () => {
    const { alarms, failures, machine, nextLook } = await startMonitor();
    machine.resident = new Error("EMFILE: uv_resident_set_memory");
    machine.externalBytes = 150;
    await nextLook();
    expect(alarms.reason).toBe("low on memory");
    expect(failures).toHaveLength(1);
  });
});

describe("a backlog that is gone", () => {
  test.each([
    ["above the watermark", 2],
    ["at half of it", 0.5],
  ])("is collected once where resident memory is %s, though no alarm is on", async (_, share) => {
    const { machine, nextLook } = await startMonitor(silentLogger, 500, 1024 ** 3);
    machine.resident = share * 1024 ** 3;
    machine.counted = 100 * 1024 ** 2;
    for (let look = 0; look < 30; look++) await nextLook();
    const before = machine.collections;
    machine.counted = 0;
    for (let look = 0; look < 60; look++) await nextLook();
    expect(machine.collections).toBe(before + 1);
  });
});

describe("the disk alarm", () => {
  test("is on from the first look where the disk is full at the start", async () => {
    const clock = new FakeClock();
    const machine = new FakeMachine(clock);
    machine.diskFree = 499;
    const broker = await Broker.open({ storage: new MemoryStorage(), clock });
    const options = {
      memory: machine,
      disk: machine,
      memoryBytesMax: 200,
      availableBytes: 1000,
      diskFreeBytesMin: 500,
    };
    const monitor = new AlarmMonitor(broker, options);
    await monitor.start();
    expect(broker.alarms.reason).toBe("low on disk");
    monitor.close();
    await broker.close();
  });

  test("ends when there is room again", async () => {
    const { alarms, machine, nextLook } = await startMonitor();
    machine.diskFree = 499;
    await nextLook();
    expect(alarms.raised).toEqual([
      { kind: "disk", source: "free", facts: { diskFreeBytes: 499, diskFreeBytesMin: 500 } },
    ]);
    machine.diskFree = 500;
    await nextLook();
    expect(alarms.reason).toBe("");
  });

  test("a limit of 0 looks at no disk", async () => {
    const { alarms, machine, nextLook } = await startMonitor(silentLogger, 0);
    machine.diskFree = 0;
    await nextLook();
    expect(alarms.blocked).toBe(false);
  });

  test("a disk that cannot be asked changes nothing and is logged", async () => {
    const warnings: LogFields[] = [];
    const logger = { ...silentLogger, warn: (fields: LogFields) => warnings.push(fields) };
    const { alarms, machine, nextLook } = await startMonitor(logger);
    machine.diskFree = 1;
    await nextLook();
    machine.diskFree = new Error("gone");
    await nextLook();
    expect(alarms.reason).toBe("low on disk");
    expect(warnings.at(-1)).toEqual({ error: "gone" });
  });
});

test("close ends it", async () => {
  const { clock, monitor, turn, filled, machine, alarms } = await startMonitor();
  monitor.close();
  expect([clock.pendingCount, turn.watch]).toEqual([0, null]);
  machine.externalBytes = 300;
  filled.at(-1)?.endTurn();
  expect(alarms.blocked).toBe(false);
});

test("the machine's own numbers make sense, and a collection frees what nobody holds", async () => {
  const broker = await Broker.open({ storage: new MemoryStorage() });
  const probes = memoryProbes(broker);
  expect(probes.residentBytes()).toBeGreaterThan(1024 ** 2);
  expect(probes.countedBytes()).toBe(0);
  expect(probes.topologyBytes()).toBe(broker.topologyAccounts.total.bytes);
  const garbage = (): void => void Array.from({ length: 64 }, () => Buffer.alloc(1024 * 1024, 1));
  probes.collectGarbage();
  await vi.waitFor(() => expect(probes.heap().externalBytes).toBeLessThan(32 * 1024 ** 2));
  garbage();
  probes.collectGarbage();
  await vi.waitFor(() => expect(probes.heap().externalBytes).toBeLessThan(32 * 1024 ** 2));
  const { heapBytes, heapBytesMax } = probes.heap();
  expect(heapBytes).toBeGreaterThan(0);
  expect(heapBytes).toBeLessThan(heapBytesMax);
  expect(await diskProbe(() => ["."]).diskFreeBytes()).toBeGreaterThanOrEqual(0);
  await broker.close();
});

test("the spill folder's disk is looked at while something is in it", () => {
  const config = { dataDir: "/data", spillDir: "/other", store: "redis://" } as unknown as Config;
  const brokerWith = (name: string, fileBytes: number): Broker =>
    ({
      storage: { name },
      store: { spillArea: { statistics: () => ({ fileBytes, messages: fileBytes }) } },
    }) as unknown as Broker;
  expect(writtenFolders(brokerWith("embedded", 0), config)).toEqual(["/data"]);
  expect(writtenFolders(brokerWith("embedded", 1), config)).toEqual(["/data", "/other"]);
  expect(writtenFolders(brokerWith("redis", 0), config)).toEqual([]);
  expect(writtenFolders(brokerWith("redis", 1), config)).toEqual(["/other"]);
});

test("where no folder is written to no disk is full", async () => {
  expect(await diskProbe(() => []).diskFreeBytes()).toBe(Number.POSITIVE_INFINITY);
});
