import type { Logger, LogFields } from "@jackalope/core/storage";
import { FakeClock, FaultyDisk, OpenedStorage, testMessage } from "@jackalope/testkit";
import { describe, expect, test } from "vitest";
import { CorruptLogError, openLogStorage } from "../src/index.ts";
import { recoveredState } from "./log-model.ts";

const first = "/data/segments/0000000001.log";

class Recorder implements Logger {
  readonly lines: (LogFields & { text: string })[] = [];
  debug(): void {}
  info(): void {}
  warn(fields: LogFields, text: string): void {
    this.lines.push({ ...fields, text });
  }
  error(fields: LogFields, text: string): void {
    this.lines.push({ ...fields, text });
  }
}

// The clock stands still, so the only marks of what is durable are those of opening and closing.
function open(disk: FaultyDisk, options: { repair?: boolean; logger?: Logger } = {}): Promise<OpenedStorage> {
  return OpenedStorage.open(
    openLogStorage({
      directory: "/data",
      files: disk.process(),
      segmentBytes: 2000,
      clock: new FakeClock(),
      ...options,
    }),
  );
}

/** Commits one message a batch; returns the offset of each batch in the first segment. */
async function fill(disk: FaultyDisk, bodies: readonly string[], close: boolean): Promise<number[]> {
  const store = await open(disk);
  const offsets: number[] = [];
  for (const body of bodies) {
    offsets.push(disk.paths().length === 0 ? 40 : disk.file(first).visible.length);
    await store.commit(store.engine.append([1], testMessage(body)));
  }
  if (close) await store.engine.close();
  disk.crash("all", () => 0.5);
  return offsets;
}

describe("damage", () => {
  test("a log cut anywhere in its last batch loses that batch only, and says so", async () => {
    const whole = new FaultyDisk();
    const [, , last] = await fill(whole, ["a", "b", "c"], false);
    const bytes = whole.file(first).visible.length;
    for (let cut = last as number; cut < bytes; cut++) {
      const disk = new FaultyDisk();
      await fill(disk, ["a", "b", "c"], false);
      disk.file(first).truncate(cut);
      const logger = new Recorder();
      const store = await open(disk, { logger });
      expect((await recoveredState(store)).bodies).toEqual(["a", "b"]);
      if (cut > (last as number)) {
        expect(logger.lines).toMatchObject([{ file: first, offset: last, bytes: cut - (last as number) }]);
      } else expect(logger.lines).toEqual([]);
      await store.commit(store.engine.append([1], testMessage("d")));
      disk.crash("none", () => 0.5);
      expect((await recoveredState(await open(disk))).bodies).toEqual(["a", "b", "d"]);
    }
  });

  test("a damaged last batch is a torn tail while the log was not closed, and corruption when it was", async () => {
    const disk = new FaultyDisk();
    const [, last] = await fill(disk, ["a", "b"], false);
    disk.file(first).damage((last as number) + 60, 1);
    expect((await recoveredState(await open(disk))).bodies).toEqual(["a"]);

    const closed = new FaultyDisk();
    const [, again] = await fill(closed, ["a", "b"], true);
    closed.file(first).damage((again as number) + 60, 1);
    await expect(open(closed)).rejects.toThrow(CorruptLogError);
  });

  test("damage with anything durable behind it is refused by file and offset, at every byte", async () => {
    const whole = new FaultyDisk();
    const offsets = await fill(whole, ["a", "b", "c"], false);
    const [, from, to] = offsets as [number, number, number];
    for (let at = from; at < to; at += 3) {
      const disk = new FaultyDisk();
      await fill(disk, ["a", "b", "c"], false);
      disk.file(first).damage(at, 1);
      const before = Buffer.from(disk.file(first).visible);
      const error: unknown = await open(disk).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(CorruptLogError);
      expect(error).toMatchObject({ file: first });
      expect((error as CorruptLogError).offset).toBeGreaterThanOrEqual(from);
      expect((error as CorruptLogError).offset).toBeLessThanOrEqual(at);
      expect((error as Error).message).toContain(first);
      expect(disk.file(first).visible.equals(before)).toBe(true);
    }
  });

  test("a segment that lost its end is refused", async () => {
    const disk = new FaultyDisk();
    await fill(disk, ["x".repeat(900), "y".repeat(1200), "z"], false);
    expect(disk.paths()).toHaveLength(2);
    const cut = 40 + 40 + 900;
    disk.file(first).truncate(cut + 100);
    await expect(open(disk)).rejects.toThrow(first);
    disk.file(first).truncate(40);
    await expect(open(disk)).rejects.toThrow(first);
  });

  test("a missing segment is noticed, and repair goes on without it", async () => {
    const disk = new FaultyDisk();
    await fill(disk, ["a".repeat(1990), "b".repeat(1990), "c".repeat(1990), "d"], false);
    const [, second] = disk.paths() as [string, string];
    disk.changeName(second, null);
    disk.syncNames("/data/segments");
    await expect(open(disk)).rejects.toThrow(CorruptLogError);
    await expect(open(disk)).rejects.toThrow(`${second} at offset 0: the file is missing`);
    const logger = new Recorder();
    const store = await open(disk, { repair: true, logger });
    expect((await recoveredState(store)).bodies).toEqual(["a".repeat(1990), "c".repeat(1990), "d"]);
    expect(logger.lines[0]).toMatchObject({ file: second });
    await store.engine.close();
    disk.crash("none", () => 0.5);
    expect((await recoveredState(await open(disk))).bodies).toHaveLength(3);
  });

  test("repair keeps all that can be read, says what it dropped, and leaves a log that opens", async () => {
    const bodies = Array.from({ length: 6 }, (_, index) => `body ${index}`);
    const whole = new FaultyDisk();
    const offsets = await fill(whole, bodies, true);
    for (let at = 0; at < whole.file(first).visible.length; at += 7) {
      const disk = new FaultyDisk();
      await fill(disk, bodies, true);
      disk.file(first).damage(at, 4);
      const logger = new Recorder();
      const store = await open(disk, { repair: true, logger });
      const { bodies: kept } = await recoveredState(store);
      const hit = offsets.findLastIndex((offset) => offset <= at);
      const hitLast = offsets.findLastIndex((offset) => offset <= at + 3);
      expect(kept).toEqual(expect.arrayContaining(bodies.filter((_, index) => index !== hit && index !== hitLast)));
      expect(bodies).toEqual(expect.arrayContaining(kept));
      expect(logger.lines.length).toBeGreaterThan(0);
      await store.commit(store.engine.append([1], testMessage("new")));
      await store.engine.close();
      disk.crash("none", () => 0.5);
      expect((await recoveredState(await open(disk))).bodies).toEqual([...kept, "new"]);
    }
  });

  test("a body that holds a whole log is not taken for one", async () => {
    const inner = new FaultyDisk();
    await fill(inner, ["a", "b", "c"], true);
    const log = inner.file(first).visible;
    const disk = new FaultyDisk();
    const store = await open(disk);
    await store.commit(store.engine.append([1], testMessage("before")));
    const start = disk.file(first).visible.length;
    await store.commit(store.engine.append([1], testMessage(log)));
    disk.crash("all", () => 0.5);
    disk.file(first).damage(start + 50, 1);
    expect((await recoveredState(await open(disk))).bodies).toEqual(["before"]);
  });

  test("a message that cannot be read is an error, not another message", async () => {
    const disk = new FaultyDisk();
    const store = await open(disk);
    const lsn = store.engine.append([1], testMessage("a".repeat(100)));
    await store.commit(lsn);
    disk.file(first).damage(200, 1);
    await expect(store.engine.read([lsn])).rejects.toThrow(first);
  });

  test("a segment whose header a crash swallowed is removed", async () => {
    const disk = new FaultyDisk();
    await fill(disk, ["a"], false);
    await disk.process().open("/data/segments/0000000002.log", "create");
    const store = await open(disk);
    expect((await recoveredState(store)).bodies).toEqual(["a"]);
    expect(disk.paths()).toEqual([first]);
    await store.commit(store.engine.append([1], testMessage("b")));
  });
});
