import { Alarms, type LogFields, type Logger, silentLogger } from "@jackalope/core";
import { FakeClock } from "@jackalope/testkit";
import { describe, expect, test, vi } from "vitest";
import { AlarmMonitor, machineProbes } from "../src/alarm-monitor.ts";

class FakeMachine {
  resident = 100;
  heap = 0.1;
  diskFree: number | Error = 1000;

  residentBytes(): number {
    return this.resident;
  }

  heapShare(): number {
    return this.heap;
  }

  diskFreeBytes(): Promise<number> {
    return this.diskFree instanceof Error ? Promise.reject(this.diskFree) : Promise.resolve(this.diskFree);
  }
}

async function startMonitor(probes: FakeMachine, logger: Logger = silentLogger, diskFreeBytesMin = 500) {
  const alarms = new Alarms();
  const clock = new FakeClock();
  const failures: unknown[] = [];
  const onFailure = (error: unknown): void => void failures.push(error);
  const monitor = new AlarmMonitor({ alarms, clock, logger, probes, memoryBytesMax: 200, diskFreeBytesMin, onFailure });
  await monitor.start();
  /** One more look; resolves when the monitor waits for the next one. */
  const nextLook = async () => {
    clock.advance(1000);
    await vi.waitFor(() => expect(clock.pendingCount).toBe(1));
  };
  return { alarms, clock, monitor, failures, nextLook };
}

describe("AlarmMonitor", () => {
  test("a look that fails is told, and the next one follows", async () => {
    const machine = new FakeMachine();
    const { alarms, failures, nextLook } = await startMonitor(machine);
    machine.residentBytes = () => {
      throw new Error("ENOENT: uv_resident_set_memory");
    };
    await nextLook();
    await nextLook();
    expect(failures).toHaveLength(2);
    machine.residentBytes = () => 200;
    await nextLook();
    expect(alarms.isOn("memory")).toBe(true);
  });

  test("the memory alarm follows resident memory", async () => {
    const machine = new FakeMachine();
    const { alarms, nextLook } = await startMonitor(machine);
    expect(alarms.reason).toBe("");
    machine.resident = 200;
    await nextLook();
    expect(alarms.reason).toBe("low on memory");
    machine.resident = 199;
    await nextLook();
    expect(alarms.reason).toBe("");
  });

  test("a heap near its limit raises the memory alarm too, and each has to go for it to end", async () => {
    const machine = new FakeMachine();
    const { alarms, nextLook } = await startMonitor(machine);
    machine.heap = 0.95;
    machine.resident = 300;
    await nextLook();
    machine.heap = 0.1;
    await nextLook();
    expect(alarms.reason).toBe("low on memory");
    machine.resident = 100;
    await nextLook();
    expect(alarms.reason).toBe("");
  });

  test("the disk alarm is on from the first look where the disk is full at the start", async () => {
    const machine = new FakeMachine();
    machine.diskFree = 499;
    const { alarms, nextLook } = await startMonitor(machine);
    expect(alarms.reason).toBe("low on disk");
    machine.diskFree = 500;
    await nextLook();
    expect(alarms.reason).toBe("");
  });

  test("a limit of 0 looks at no disk", async () => {
    const machine = new FakeMachine();
    machine.diskFree = 0;
    const { alarms } = await startMonitor(machine, silentLogger, 0);
    expect(alarms.blocked).toBe(false);
  });

  test("a disk that cannot be asked changes nothing and is logged", async () => {
    const warnings: LogFields[] = [];
    const machine = new FakeMachine();
    machine.diskFree = 1;
    const { alarms, nextLook } = await startMonitor(machine, {
      ...silentLogger,
      warn: (fields) => warnings.push(fields),
    });
    machine.diskFree = new Error("gone");
    await nextLook();
    expect(alarms.reason).toBe("low on disk");
    expect(warnings.at(-1)).toEqual({ error: "gone" });
  });

  test("close ends it", async () => {
    const { clock, monitor } = await startMonitor(new FakeMachine());
    monitor.close();
    expect(clock.pendingCount).toBe(0);
  });
});

test("the machine's own numbers make sense", async () => {
  const probes = machineProbes(".");
  expect(probes.residentBytes()).toBeGreaterThan(1024 ** 2);
  expect(probes.heapShare()).toBeGreaterThan(0);
  expect(probes.heapShare()).toBeLessThan(1);
  expect(await probes.diskFreeBytes()).toBeGreaterThanOrEqual(0);
});
