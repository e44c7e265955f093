import { mkdtempSync, readdirSync, rmSync, writeFileSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Message, SpillArea, SpillListener } from "@jackalope/core/storage";
import { FakeClock, FaultyDisk, testMessage, until } from "@jackalope/testkit";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openSpillArea } from "../../src/index.ts";

const directory = "/data/spill";
const segmentBytes = 4000;

/** A spill area on a disk in memory, and what it has told. */
class Opened {
  readonly area: SpillArea;
  readonly told: string[] = [];
  readonly clock: FakeClock;

  private constructor(disk: FaultyDisk) {
    this.clock = new FakeClock();
    this.area = openSpillArea({ directory, segmentBytes, files: disk.process(), clock: this.clock });
  }

  static async on(disk: FaultyDisk): Promise<Opened> {
    const opened = new Opened(disk);
    const listener: SpillListener = {
      spillWritten: () => void opened.told.push("written"),
      spillFailed: (error) => void opened.told.push(`failed ${(error as NodeJS.ErrnoException).code}`),
      spillRecovered: () => void opened.told.push("recovered"),
    };
    await opened.area.open(listener);
    return opened;
  }

  append(body: string): number {
    return this.area.append(testMessage(body));
  }

  async write(): Promise<void> {
    this.area.flush();
    await until(() => this.area.pendingBytes === 0);
  }

  async bodies(positions: readonly number[]): Promise<string[]> {
    return (await this.area.read(positions)).map((message) => message.body.toString());
  }
}

const body = (index: number): string => `${index} `.padEnd(100, ".");

describe("The spill area", () => {
  test("gives messages back with everything they had, written or not", async () => {
    const { area } = await Opened.on(new FaultyDisk());
    const message = testMessage("body");
    message.persistent = true;
    message.priority = 7;
    message.expirationMs = 1234;
    message.publishedAtMs = 99;
    message.extraKeys = ["one", "two"];
    message.originId = -5;
    message.lsn = 42;
    const position = area.append(message);
    const facts = (each: Message): unknown[] => [
      [each.route.exchange, each.route.routingKey, each.format, each.native.toString(), each.body.toString()],
      [each.persistent, each.priority, each.expirationMs, each.publishedAtMs, each.extraKeys, each.originId, each.lsn],
      each.owned,
    ];
    const expected = [...facts(message).slice(0, 2), true];
    expect(facts((await area.read([position]))[0] as Message)).toEqual(expected);
    area.flush();
    await until(() => area.pendingBytes === 0);
    expect(facts((await area.read([position]))[0] as Message)).toEqual(expected);
  });

  test("makes no file before something is spilled, and removes each when nobody holds anything in it", async () => {
    const disk = new FaultyDisk();
    const opened = await Opened.on(disk);
    await opened.write();
    expect(disk.paths()).toEqual([]);
    const positions: number[] = [];
    for (let index = 0; index < 100; index++) {
      positions.push(opened.append(body(index)));
      await opened.write();
    }
    expect(disk.paths().length).toBeGreaterThan(3);
    for (const position of positions) opened.area.release(position);
    // The last one takes what comes next.
    await until(() => disk.paths().length === 1);
    expect(opened.area.statistics().messages).toBe(0);
    await opened.area.close();
    expect(disk.paths()).toEqual([]);
  });

  test("what nobody holds any more is not written", async () => {
    const disk = new FaultyDisk();
    const opened = await Opened.on(disk);
    const positions = Array.from({ length: 50 }, (_, index) => opened.append(body(index)));
    for (const position of positions) opened.area.release(position);
    await opened.write();
    expect(opened.area.statistics().writtenBytes).toBe(0);
    expect(disk.paths()).toEqual([]);
  });

  test("a message that comes several times is one copy, held by each", async () => {
    const opened = await Opened.on(new FaultyDisk());
    const message = testMessage("all");
    const positions = [1, 2, 3].map(() => opened.area.append(message));
    expect(new Set(positions).size).toBe(1);
    expect(opened.area.statistics().messages).toBe(1);
    await opened.write();
    for (const position of positions) {
      expect(await opened.bodies([position])).toEqual(["all"]);
      opened.area.release(position);
    }
    expect(opened.area.statistics().messages).toBe(0);
  });

  test("messages on their way to many queues by turns are a copy each, until nobody holds it", async () => {
    const opened = await Opened.on(new FaultyDisk());
    const messages = [testMessage("one"), testMessage("two")];
    const positions = [0, 1, 0, 1, 0, 1].map((which) => opened.area.append(messages[which] as Message));
    expect(opened.area.statistics().messages).toBe(2);
    await opened.write();
    expect(opened.area.append(messages[0] as Message)).toBe(positions[0]);
    opened.area.release(positions[0] as number);
    for (const position of positions) opened.area.release(position);
    expect(opened.area.statistics().messages).toBe(0);
    const anew = opened.area.append(messages[0] as Message);
    expect(anew).not.toBe(positions[0]);
    expect(await opened.bodies([anew])).toEqual(["one"]);
  });

  test("a message larger than a batch and a segment goes through", async () => {
    const opened = await Opened.on(new FaultyDisk());
    const large = "x".repeat(3 << 20);
    const positions = [opened.append("before"), opened.append(large), opened.append("after")];
    expect(await opened.bodies(positions)).toEqual(["before", large, "after"]);
    await opened.write();
    expect(await opened.bodies(positions)).toEqual(["before", large, "after"]);
  });

  test("a message that is released while it is read back still arrives, and its file goes afterwards", async () => {
    const disk = new FaultyDisk();
    const opened = await Opened.on(disk);
    const positions = Array.from({ length: 60 }, (_, index) => opened.append(body(index)));
    await opened.write();
    opened.append(body(60));
    await opened.write();
    const reading = opened.bodies(positions.slice(0, 10));
    for (const position of positions) opened.area.release(position);
    expect(await reading).toEqual(Array.from({ length: 10 }, (_, index) => body(index)));
    await until(() => disk.paths().length === 1);
  });

  test("moves the few messages that somebody holds out of files that are mostly dead", async () => {
    const disk = new FaultyDisk();
    const opened = await Opened.on(disk);
    const kept: [position: number, index: number][] = [];
    for (let index = 0; index < 2000; index++) {
      const position = opened.append(body(index));
      if (index % 40 === 0) kept.push([position, index]);
      await opened.write();
      if (index % 40 !== 0) opened.area.release(position);
    }
    await until(() => {
      opened.area.flush();
      return disk.usedBytes < 12 * segmentBytes;
    });
    expect(await opened.bodies(kept.map(([position]) => position))).toEqual(kept.map(([, index]) => body(index)));
    for (const [position] of kept) opened.area.release(position);
    await until(() => disk.paths().length <= 1);
    expect(opened.area.statistics().messages).toBe(0);
  });

  test.each([
    ["ENOSPC", "write"],
    ["EIO", "write"],
    ["ENOSPC", "create"],
  ] as const)(
    "%s at a %s: says so, keeps everything in memory, and goes on when it works again",
    async (code, what) => {
      const disk = new FaultyDisk();
      const opened = await Opened.on(disk);
      disk.fail(what, code, 2);
      const positions = Array.from({ length: 10 }, (_, index) => opened.append(body(index)));
      opened.area.flush();
      await until(() => opened.told.length > 0);
      expect(opened.told).toEqual([`failed ${code}`]);
      const bodies = Array.from({ length: 10 }, (_, index) => body(index));
      expect(await opened.bodies(positions)).toEqual(bodies);
      expect(opened.area.pendingBytes).toBeGreaterThan(1000);
      await until(() => {
        opened.clock.advance(1000);
        return opened.area.pendingBytes === 0;
      });
      expect(opened.told).toEqual([`failed ${code}`, "recovered", "written"]);
      expect(await opened.bodies(positions)).toEqual(bodies);
    },
  );

  test("many small turns take their bytes in memory while nothing can be written, and not a buffer each", async () => {
    const disk = new FaultyDisk();
    const opened = await Opened.on(disk);
    disk.fail("write", "EIO", 1_000_000);
    const beforeBytes = process.memoryUsage().arrayBuffers;
    const positions: number[] = [];
    for (let index = 0; index < 1000; index++) {
      positions.push(opened.append(body(index)));
      opened.area.flush();
    }
    await until(() => opened.told.length > 0);
    for (let index = 1000; index < 2000; index++) {
      positions.push(opened.append(body(index)));
      opened.area.flush();
    }
    expect(process.memoryUsage().arrayBuffers - beforeBytes).toBeLessThan(10 << 20);
    expect(await opened.bodies(positions)).toEqual(positions.map((_, index) => body(index)));
  });

  test("a full disk takes more again when messages are fetched", async () => {
    const disk = new FaultyDisk();
    const opened = await Opened.on(disk);
    disk.capacityBytes = 3 * segmentBytes;
    const positions: number[] = [];
    for (let index = 0; opened.told.at(-1) !== "failed ENOSPC"; index++) {
      positions.push(opened.append(body(index)));
      opened.area.flush();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await opened.bodies(positions)).toEqual(positions.map((_, index) => body(index)));
    for (const position of positions.splice(0, positions.length / 2)) opened.area.release(position);
    await until(() => {
      opened.clock.advance(1000);
      return opened.told.includes("recovered") && opened.area.pendingBytes === 0;
    });
    expect(opened.told.at(-1)).toBe("written");
  });

  test("holds at every moment what a map would hold", async () => {
    const step = fc.oneof(
      fc.record({
        do: fc.constant("append" as const),
        times: fc.integer({ min: 1, max: 40 }),
        holders: fc.integer({ min: 1, max: 3 }),
      }),
      fc.record({ do: fc.constant("release" as const), share: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ do: fc.constant("read" as const) }),
      fc.record({ do: fc.constant("flush" as const) }),
      fc.record({ do: fc.constant("write" as const) }),
      fc.record({ do: fc.constant("fail" as const), times: fc.integer({ min: 1, max: 3 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const disk = new FaultyDisk();
        const opened = await Opened.on(disk);
        const model: { position: number; body: string }[] = [];
        let count = 0;
        const check = async (): Promise<void> => {
          expect(await opened.bodies(model.map((each) => each.position))).toEqual(model.map((each) => each.body));
        };
        for (const each of steps) {
          if (each.do === "append") {
            for (let time = 0; time < each.times; time++) {
              const message = testMessage(body(count++));
              for (let holder = 0; holder < each.holders; holder++)
                model.push({ position: opened.area.append(message), body: message.body.toString() });
            }
          } else if (each.do === "release") {
            const gone = model.filter((_, index) => index % (each.share + 1) !== 0);
            for (const { position } of gone) opened.area.release(position);
            model.splice(0, model.length, ...model.filter((_, index) => index % (each.share + 1) === 0));
          } else if (each.do === "read") await check();
          else if (each.do === "flush") opened.area.flush();
          else if (each.do === "fail") disk.fail("write", "EIO", each.times);
          else {
            opened.area.flush();
            await until(() => {
              opened.clock.advance(1000);
              return opened.area.pendingBytes === 0;
            });
          }
        }
        await check();
        for (const { position } of model) opened.area.release(position);
        expect(opened.area.statistics().messages).toBe(0);
        await opened.area.close();
        expect(disk.paths()).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});

describe("The folder of the spill area", () => {
  let folder: string;

  beforeEach(() => {
    folder = join(mkdtempSync(join(tmpdir(), "jackalope-spill-")), "spill");
  });

  afterEach(() => {
    rmSync(join(folder, ".."), { recursive: true, force: true });
  });

  const listener: SpillListener = { spillWritten() {}, spillFailed() {}, spillRecovered() {} };

  async function opened(): Promise<SpillArea> {
    const area = openSpillArea({ directory: folder });
    await area.open(listener);
    return area;
  }

  async function spill(area: SpillArea): Promise<number> {
    const position = area.append(testMessage("body"));
    area.flush();
    await until(() => area.pendingBytes === 0);
    return position;
  }

  const files = (): string[] =>
    readdirSync(join(folder, ".."), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".spill"));

  test("is emptied of what a dead process left, and removed at close", async () => {
    mkdirSync(join(folder, "3"), { recursive: true });
    writeFileSync(join(folder, "3", "0000000001.spill"), "old");
    const area = await opened();
    expect(files()).toEqual([]);
    await spill(area);
    expect(files()).toHaveLength(1);
    await area.close();
    expect(readdirSync(join(folder, ".."))).toEqual([]);
  });

  test("is shared by processes that do not touch each other's files", async () => {
    const first = await opened();
    const position = await spill(first);
    const second = await opened();
    await spill(second);
    expect(files()).toHaveLength(2);
    await second.close();
    expect(files()).toHaveLength(1);
    expect((await first.read([position]))[0]?.body.toString()).toBe("body");
    await first.close();
  });

  test("may vanish: what is in open files is there, and new files go to a new folder", async () => {
    const area = openSpillArea({ directory: folder, segmentBytes: 1 });
    const told: string[] = [];
    await area.open({ ...listener, spillFailed: (error) => void told.push(error.message) });
    const first = await spill(area);
    rmSync(folder, { recursive: true });
    const second = area.append(testMessage("second"));
    area.flush();
    await until(() => area.pendingBytes === 0);
    expect((await area.read([first, second])).map((message) => message.body.toString())).toEqual(["body", "second"]);
    expect(told).toHaveLength(1);
    await area.close();
  });
});
