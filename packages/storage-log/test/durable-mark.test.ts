import type { Logger } from "@jackalope/core/storage";
import { FakeClock, FaultyDisk, OpenedStorage, testMessage } from "@jackalope/testkit";
import { describe, expect, test } from "vitest";
import { CorruptLogError, openLogStorage } from "../src/index.ts";
import { recoveredState } from "./log-model.ts";

const mark = "/data/durable.mark";
const first = "/data/segments/0000000001.log";

interface OpenOptions {
  readonly repair?: boolean;
  readonly logger?: Logger;
  readonly clock?: FakeClock;
}

function open(disk: FaultyDisk, options: OpenOptions = {}): Promise<OpenedStorage> {
  const files = disk.process();
  return OpenedStorage.open(
    openLogStorage({ directory: "/data", files, segmentBytes: 2000, clock: new FakeClock(), ...options }),
  );
}

/** Commits one message a batch, with time for a mark behind each, and dies. Returns the disk as it was left. */
async function killed(bodies: readonly string[]): Promise<FaultyDisk> {
  const disk = new FaultyDisk();
  const clock = new FakeClock();
  const store = await open(disk, { clock });
  for (const body of bodies) {
    await store.commit(store.engine.append([1], testMessage(body)));
    clock.advance(20);
  }
  await new Promise((resolve) => setImmediate(resolve));
  disk.crash("process", () => 0.5);
  return disk;
}

function removed(disk: FaultyDisk, ...paths: readonly string[]): FaultyDisk {
  for (const path of paths) disk.changeName(path, null);
  return disk;
}

const segments = ["a".repeat(1990), "b".repeat(1990), "c"];

describe("a log that is less than it was durable", () => {
  test("is refused by file and offset wherever it was cut, and left as it is", async () => {
    const whole = await killed(["a", "b", "c"]);
    const bytes = whole.file(first).visible.length;
    for (let cut = 0; cut < bytes; cut++) {
      const disk = await killed(["a", "b", "c"]);
      disk.file(first).truncate(cut);
      const error: unknown = await open(disk).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(CorruptLogError);
      expect(error).toMatchObject({ file: first });
      expect((error as CorruptLogError).offset).toBeLessThanOrEqual(cut);
      expect(disk.file(first).visible.length).toBe(cut);
    }
    expect((await recoveredState(await open(whole))).bodies).toEqual(["a", "b", "c"]);
  });

  test("is opened by repair, and then without it", async () => {
    const disk = await killed(["a", "b", "c"]);
    disk.file(first).truncate(disk.file(first).visible.length - 1);
    expect((await recoveredState(await open(disk, { repair: true }))).bodies).toEqual(["a", "b"]);
    disk.crash("process", () => 0.5);
    expect((await recoveredState(await open(disk))).bodies).toEqual(["a", "b"]);
  });

  test.each([
    ["its newest segment", 3, ["a".repeat(1990), "b".repeat(1990)]],
    ["its oldest segment", 1, ["b".repeat(1990), "c"]],
  ])("is refused without %s, which repair does without", async (_, missing, left) => {
    const disk = await killed(segments);
    expect(disk.paths()).toHaveLength(3);
    const path = disk.paths()[missing - 1] as string;
    removed(disk, path);
    await expect(open(disk)).rejects.toThrow(`${path} at offset 0: the file is missing`);
    expect((await recoveredState(await open(disk, { repair: true }))).bodies).toEqual(left);
    disk.crash("process", () => 0.5);
    expect((await recoveredState(await open(disk))).bodies).toEqual(left);
  });

  test("is refused without any segment", async () => {
    const disk = await killed(segments);
    removed(disk, ...disk.paths());
    await expect(open(disk)).rejects.toThrow(`${first} at offset 0: the file is missing`);
  });

  test("is refused after it was closed as well", async () => {
    const disk = new FaultyDisk();
    const store = await open(disk);
    await store.commit(store.engine.append([1], testMessage("a")));
    await store.engine.close();
    const { length } = disk.file(first).visible;
    disk.file(first).truncate(length - 1);
    await expect(open(disk)).rejects.toThrow("a batch header is cut off");
  });
});

describe("a mark of what is durable", () => {
  test("asks for nothing that was deleted, by whatever crash", async () => {
    for (const survival of ["process", "none", "all", "first", "sectors"] as const) {
      const disk = new FaultyDisk();
      const clock = new FakeClock();
      const store = await open(disk, { clock });
      for (let round = 0; round < 20; round++) {
        const lsn = store.engine.append([1], testMessage("x".repeat(900)));
        await store.commit(lsn);
        await store.commit(store.engine.settle(1, lsn));
        clock.advance(round % 3 === 0 ? 20 : 1);
      }
      expect(disk.paths()).not.toContain(first);
      disk.crash(survival, () => 0.4);
      expect((await recoveredState(await open(disk))).bodies).toEqual([]);
    }
  });

  test("is not asked where it cannot be read, which is logged, or where there is none", async () => {
    const disk = await killed(["a", "b"]);
    const damaged = Buffer.from(disk.note(mark) as Buffer);
    damaged[20] = (damaged[20] as number) ^ 1;
    disk.putNote(mark, damaged, true);
    const warned: string[] = [];
    const logger = { debug() {}, info() {}, warn: (_: unknown, text: string) => void warned.push(text), error() {} };
    const store = await open(disk, { logger });
    expect((await recoveredState(store)).bodies).toEqual(["a", "b"]);
    expect(warned).toEqual(["the mark of what is durable cannot be read: not asked"]);
  });

  test("is written again at most every 20 ms, and says the last", async () => {
    const disk = new FaultyDisk();
    const clock = new FakeClock();
    const store = await open(disk, { clock });
    await new Promise((resolve) => setImmediate(resolve));
    const opened = disk.note(mark);
    await store.commit(store.engine.append([1], testMessage("a")));
    await store.commit(store.engine.append([1], testMessage("b")));
    clock.advance(19);
    expect(disk.note(mark)).toEqual(opened);
    clock.advance(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(disk.note(mark)?.readUInt32LE(24)).toBe(disk.file(first).visible.length);
  });
});
