import { FakeClock, FaultyDisk, OpenedStorage, testMessage } from "@jackalope/testkit";
import { describe, expect, test } from "vitest";
import { openLogStorage, type SyncMode } from "../src/index.ts";
import { recoveredState } from "./log-model.ts";

/** A log on a faulty disk with a clock that runs as fast as the event loop turns. */
async function open(disk: FaultyDisk, clock: FakeClock, sync: SyncMode = "always"): Promise<OpenedStorage> {
  const options = { directory: "/data", files: disk.process(), clock, sync, segmentBytes: 5000 };
  return OpenedStorage.open(openLogStorage(options));
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Lets time pass until `condition` holds. */
async function until(clock: FakeClock, condition: () => boolean): Promise<void> {
  for (let step = 0; !condition(); step++) {
    expect(step).toBeLessThan(2000);
    await turns(3);
    clock.advance(100);
  }
}

function append(store: OpenedStorage, body: string): number {
  const lsn = store.engine.append([1], testMessage(body));
  store.engine.flush();
  return lsn;
}

async function bodiesAfterPowerLoss(disk: FaultyDisk, survival: "none" | "all"): Promise<string[]> {
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  disk.crash(survival, () => 0.5);
  const { bodies } = await recoveredState(await open(disk, new FakeClock()));
  return bodies;
}

test("a fault of our own in the middle of a commit is told, and nothing more becomes durable", async () => {
  const disk = new FaultyDisk();
  const store = await open(disk, new FakeClock());
  const first = append(store, "first");
  await store.commit(first);
  store.onDurable = () => {
    throw new Error("a fault of ours");
  };
  const second = append(store, "second");
  await store.until(() => store.breaks.length > 0);
  expect(store.breaks).toEqual([new Error("a fault of ours")]);
  const { durable } = store.engine;
  expect(durable).toBe(second);
  append(store, "third");
  await turns(20);
  expect(store.engine.durable).toBe(durable);
  await expect(store.engine.close()).rejects.toThrow("a fault of ours");
  expect(await bodiesAfterPowerLoss(disk, "all")).toEqual(["first", "second"]);
});

describe("a disk that is full", () => {
  test("nothing is durable while it is, and everything once there is space again", async () => {
    const disk = new FaultyDisk();
    const clock = new FakeClock();
    const store = await open(disk, clock);
    await store.commit(append(store, "before"));
    disk.capacityBytes = disk.usedBytes + 100;
    const lost = append(store, "x".repeat(500));
    await store.until(() => store.failures.length > 0);
    append(store, "y".repeat(500));
    clock.advance(60_000);
    await turns(50);
    clock.advance(60_000);
    await turns(50);
    expect(store.failures).toHaveLength(1);
    expect(store.failures[0]).toMatchObject({ code: "ENOSPC" });
    expect(store.engine.durable).toBeLessThan(lost);
    expect(store.engine.pendingBytes).toBeGreaterThan(1000);
    expect((await store.engine.read([lost]))[0]?.bodyBytes).toBe(500);

    disk.capacityBytes = Number.POSITIVE_INFINITY;
    await until(clock, () => store.engine.pendingBytes === 0);
    expect(store.recoveries).toBe(1);
    expect(await bodiesAfterPowerLoss(disk, "none")).toEqual(["before", "x".repeat(500), "y".repeat(500)]);
  });

  test("it need not be full for the current segment only", async () => {
    const disk = new FaultyDisk();
    const clock = new FakeClock();
    const store = await open(disk, clock);
    await store.commit(append(store, "x".repeat(6000)));
    disk.fail("create", "ENOSPC", 3);
    const lsn = append(store, "next segment");
    await until(clock, () => store.engine.durable >= lsn);
    expect(store.failures).toHaveLength(1);
    expect(store.recoveries).toBe(1);
    expect(await bodiesAfterPowerLoss(disk, "none")).toEqual(["x".repeat(6000), "next segment"]);
  });

  test("closing gives up, and what was durable is still there", async () => {
    const disk = new FaultyDisk();
    const store = await open(disk, new FakeClock());
    await store.commit(append(store, "before"));
    disk.capacityBytes = disk.usedBytes;
    append(store, "after");
    await store.until(() => store.failures.length > 0);
    await expect(store.engine.close()).rejects.toMatchObject({ code: "ENOSPC" });
    expect(await bodiesAfterPowerLoss(disk, "none")).toEqual(["before"]);
  });
});

describe.each(["write", "sync"] as const)("a disk that fails to %s", (operation) => {
  test.each([1, 2, 7])("%i times loses nothing that was or becomes durable", async (times) => {
    const disk = new FaultyDisk();
    const clock = new FakeClock();
    const store = await open(disk, clock);
    store.engine.put("kept", Buffer.from("1"));
    const first = store.engine.append([1, 2], testMessage("first"));
    await store.commit(first);
    const { durable } = store.engine;
    disk.fail(operation, "EIO", times);
    store.engine.settle(1, first);
    const second = append(store, "second");
    await store.until(() => store.failures.length > 0);
    expect(store.engine.durable).toBe(durable);
    // Work goes on while the disk fails, in the same batch and in later ones.
    const third = append(store, "third");
    store.engine.settle(1, second);
    store.engine.put("kept", null);
    store.engine.put("new", Buffer.from("2"));
    expect(await store.engine.read([first, third])).toHaveLength(2);
    await until(clock, () => store.recoveries === 1);
    expect(store.failures).toHaveLength(1);
    const last = append(store, "last");
    await store.commit(last);
    expect(store.engine.pendingBytes).toBe(0);
    expect((await store.engine.read([first, third, last])).map((message) => message.lsn)).toEqual([first, third, last]);

    for (const survival of ["none", "all"] as const) {
      disk.crash(survival, () => 0.5);
      const reopened = await open(disk, new FakeClock());
      expect((await recoveredState(reopened)).state).toBe(
        `new=2\n${first} [2] first\n${third} [1] third\n${last} [1] last`,
      );
    }
  });
});

test("bytes that a failed sync may have dropped are written anew, not trusted", async () => {
  const disk = new FaultyDisk();
  const clock = new FakeClock();
  const store = await open(disk, clock);
  disk.fail("sync", "EIO");
  const lsn = append(store, "a");
  // The header of the first segment is what fails first; then the batch.
  await until(clock, () => store.engine.durable >= lsn);
  disk.fail("sync", "EIO");
  const next = append(store, "b");
  await until(clock, () => store.engine.durable >= next);
  expect(disk.paths().length).toBeGreaterThan(1);
  expect(await bodiesAfterPowerLoss(disk, "none")).toEqual(["a", "b"]);
});

test("short writes are completed", async () => {
  const disk = new FaultyDisk();
  disk.shortWrites = true;
  const store = await open(disk, new FakeClock());
  await store.commit(append(store, "x".repeat(3000)));
  await store.commit(append(store, "y"));
  expect(await bodiesAfterPowerLoss(disk, "none")).toEqual(["x".repeat(3000), "y"]);
});

test("with sync interval a crash of the process loses nothing written, and time makes it safe from a power failure", async () => {
  const disk = new FaultyDisk();
  const clock = new FakeClock();
  const store = await open(disk, clock, "interval");
  await store.commit(append(store, "a"));
  disk.crash("process", () => 0.5);
  const second = await open(disk, clock, "interval");
  expect(second.messages).toHaveLength(1);
  await second.commit(append(second, "b"));
  const { operations } = disk;
  clock.advance(1000);
  while (disk.operations === operations) await turns(1);
  await turns(5);
  expect(await bodiesAfterPowerLoss(disk, "none")).toEqual(["a", "b"]);
});

test("an interrupted batch with sync never leaves the batches before it", async () => {
  const disk = new FaultyDisk();
  const store = await open(disk, new FakeClock(), "never");
  for (const body of ["a", "b", "c"]) await store.commit(append(store, body));
  disk.crash("all", () => 0.5);
  const path = disk.paths()[0] as string;
  disk.file(path).truncate(disk.file(path).visible.length - 5);
  expect((await recoveredState(await open(disk, new FakeClock(), "never"))).bodies).toEqual(["a", "b"]);
});
